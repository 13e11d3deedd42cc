import { resolve } from 'node:path'
import uni from '@dcloudio/vite-plugin-uni'
import { defineConfig, type Plugin } from 'vite'

/**
 * uni-app's own styles, and its runtime of mini-programs three seconds after the start, load a picture from its
 * maker's network: nobody outside is to learn who opens this. The host's content policy allows no `data:` either.
 */
function withoutOutside(): Plugin {
  const asked = 'isFunction(wx.preloadAssets)'
  return {
    name: 'without-outside',
    enforce: 'pre',
    transform(code, id) {
      if (!id.endsWith('/uni.mp.esm.js')) return null
      if (!code.includes(asked)) this.error('the picture that uni-app loads is asked for in another way: look again')
      return code.replace(asked, 'false')
    },
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        for (const file of Object.values(bundle)) {
          if (file.type !== 'asset' || !/\.(css|wxss)$/.test(file.fileName)) continue
          file.source = String(file.source).replace(/url\((?:"(?:https?|data):[^"]*"|'(?:https?|data):[^']*'|(?:https?|data):[^)]*)\)/g, 'none')
        }
      },
    },
  }
}

export default defineConfig({
  plugins: [withoutOutside(), uni()],
  resolve: { alias: { '@shared': resolve(__dirname, '../shared/src') } },
  build: { assetsInlineLimit: 0 },
  server: { proxy: { '/api': { target: process.env.ZHENGNA_URL ?? 'http://127.0.0.1:8080', ws: true } } },
})
