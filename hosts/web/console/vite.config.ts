import { fileURLToPath } from 'node:url'

import vue from '@vitejs/plugin-vue'
import { ElementPlusResolver } from 'unplugin-vue-components/resolvers'
import components from 'unplugin-vue-components/vite'
import { defineConfig } from 'vite'

// The host checks that a socket's Origin is its own: the proxy keeps the browser's Host.
const host = process.env.ZHENGNA_HOST ?? 'http://127.0.0.1:8080'
const proxy = { '/api': { target: host, ws: true, changeOrigin: false } }

export default defineConfig({
  base: '/console/',
  plugins: [vue(), components({ dts: 'components.d.ts', resolvers: [ElementPlusResolver({ importStyle: 'css' })] })],
  resolve: { alias: { '@shared': fileURLToPath(new URL('../shared/src/index.ts', import.meta.url)) } },
  build: { target: 'es2022', assetsInlineLimit: 0, chunkSizeWarningLimit: 700 },
  server: { proxy },
})
