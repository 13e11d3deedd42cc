import { resolve } from 'node:path';
import uni from '@dcloudio/vite-plugin-uni';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [uni()],
  resolve: { alias: { '@shared': resolve(__dirname, '../shared/src') } },
  // The host's content policy allows no data: addresses.
  build: { assetsInlineLimit: 0 },
  server: { proxy: { '/api': { target: process.env.ZHENGNA_URL ?? 'http://127.0.0.1:8080', ws: true } } },
});
