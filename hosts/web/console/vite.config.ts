import { fileURLToPath } from 'node:url'

import vue from '@vitejs/plugin-vue'
import { ElementPlusResolver } from 'unplugin-vue-components/resolvers'
import components from 'unplugin-vue-components/vite'
import { defineConfig } from 'vite'

// The host checks that a socket's Origin is its own: the proxy keeps the browser's Host.
const host = process.env.ZHENGNA_HOST ?? 'http://127.0.0.1:8080'
const proxy = { '/api': { target: host, ws: true, changeOrigin: false } }

// What the host sends with its pages (hosts/server/src/security_headers.rs): a preview must live with it too.
const csp =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'"

export default defineConfig({
  base: '/console/',
  plugins: [vue(), components({ dts: 'components.d.ts', resolvers: [ElementPlusResolver({ importStyle: 'css' })] })],
  resolve: { alias: { '@shared': fileURLToPath(new URL('../shared/src/index.ts', import.meta.url)) } },
  build: { target: 'es2022', assetsInlineLimit: 0, chunkSizeWarningLimit: 700 },
  server: { proxy },
  preview: { proxy, headers: { 'Content-Security-Policy': csp } },
})
