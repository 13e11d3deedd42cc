import { resolve } from 'node:path'
import uni from '@dcloudio/vite-plugin-uni'
import { defineConfig, type Plugin } from 'vite'

/** uni-app's own styles load shadows from its maker's network: nobody outside is to learn who opens a page here. */
function withoutOutside(): Plugin {
  return {
    name: 'without-outside',
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        for (const file of Object.values(bundle)) {
          if (file.type !== 'asset' || !file.fileName.endsWith('.css')) continue
          file.source = String(file.source).replace(/url\(["']?https?:[^)]*\)/g, 'none')
        }
      },
    },
  }
}

export default defineConfig({
  plugins: [uni(), withoutOutside()],
  resolve: { alias: { '@shared': resolve(__dirname, '../shared/src') } },
  // The host's content policy allows no data: addresses.
  build: { assetsInlineLimit: 0 },
  server: { proxy: { '/api': { target: process.env.ZHENGNA_URL ?? 'http://127.0.0.1:8080', ws: true } } },
})
