import { fileURLToPath } from "node:url";

import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";

const service = process.env["CC_WEB_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [vue()],
  define: {
    // The page's Content-Security-Policy has no 'unsafe-eval'; vue-i18n's JIT compiler keeps to it.
    __INTLIFY_JIT_COMPILATION__: true,
    __INTLIFY_DROP_MESSAGE_COMPILER__: false,
    __VUE_I18N_FULL_INSTALL__: false,
    __VUE_I18N_LEGACY_API__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
    __VUE_OPTIONS_API__: true,
    __VUE_PROD_DEVTOOLS__: false,
  },
  build: {
    outDir: fileURLToPath(new URL("../dist", import.meta.url)),
    emptyOutDir: true,
    target: "es2020",
    // default-src 'self' allows no data: addresses.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600,
    rollupOptions: {
      output: {
        manualChunks(id) {
          if (!id.includes("node_modules")) return undefined;
          if (/jssip|sdp-transform|\/debug\/|\/ms\/|\/events\//.test(id)) return "phone";
          if (/@vue\/|\/vue\/|vue-router|pinia|vue-i18n|@intlify/.test(id)) return "vue";
          return undefined;
        },
      },
    },
  },
  server: {
    proxy: { "/api": { target: service, ws: true } },
  },
  test: {
    environment: "node",
    include: ["src/**/*.test.ts"],
  },
});
