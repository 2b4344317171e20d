import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// Where Omma answers while the portal is being worked on; the finished portal is part of it.
const omma = process.env.OMMA_URL ?? 'http://127.0.0.1:8080';
const proxy = Object.fromEntries(
  ['/api', '/metrics', '/healthz', '/readyz', '^/cameras/[^/]+/(live\\.mjpg|snapshot\\.jpg)'].map(
    (path) => [path, { target: omma, ws: path === '/api' }],
  ),
);

export default defineConfig({
  plugins: [react()],
  server: { proxy },
  build: {
    target: 'es2022',
    // Fonts and pictures as files of their own, so that they are cached for ever.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  test: { include: ['src/**/*.test.ts'] },
});
