import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";
import { parse } from "yaml";

// `npm run dev` asks the tools of an environment; its login's cookie comes from ECHOBASE_COOKIE.
const edge = {
  target: process.env.ECHOBASE_EDGE_URL ?? "https://localhost:1443",
  secure: false,
  headers: process.env.ECHOBASE_COOKIE ? { cookie: process.env.ECHOBASE_COOKIE } : {},
};

/** Dashboards are data: what `import` gives of one is its content. */
const yaml: Plugin = {
  name: "yaml",
  transform: (code, id) => (id.endsWith(".yml") ? { code: `export default ${JSON.stringify(parse(code))}`, map: null } : undefined),
};

export default defineConfig({
  base: "/console/",
  plugins: [react(), yaml],
  // Libraries below Perses look for the name that Node.js gives the global object.
  define: { global: "globalThis", "process.env": {} },
  build: {
    sourcemap: false,
    // Nothing inline: the content security policy allows files of the same origin only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
    rollupOptions: {
      // Perses does not say so of all its packages, but whoever imports one component does not want all of them.
      treeshake: { moduleSideEffects: (id) => !/node_modules\/(@perses-dev|mdi-material-ui)\//.test(id) },
    },
  },
  server: { proxy: Object.fromEntries(["/prometheus", "/jaeger", "/logs", "/loki"].map((path) => [path, edge])) },
});
