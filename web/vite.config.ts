import { defineConfig } from "vite";

/** One entry; Django's shell finds the hashed names in `dist/manifest.json`. */
export default defineConfig({
  base: "/static/",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    manifest: "manifest.json",
    target: "es2022",
    // A polyfill would be an inline script, which the content security policy refuses.
    modulePreload: { polyfill: false },
    // Inlined fonts and images would need `data:` in the policy.
    assetsInlineLimit: 0,
    // hls.js alone is larger than the default limit; it is loaded only where a video is shown.
    chunkSizeWarningLimit: 700,
    rolldownOptions: { input: { main: "src/main.tsx" } },
  },
});
