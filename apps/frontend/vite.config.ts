import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// `npm run dev` talks to a deployed colour; its certificate is the environment's own.
const gateway = { target: process.env.ECHOBASE_API_URL ?? "https://localhost:3001", secure: false };

export default defineConfig({
  plugins: [react()],
  build: {
    sourcemap: false,
    // Nothing inline: the content security policy allows files of the same origin only.
    assetsInlineLimit: 0,
    // What is loaded later may be missing without anybody noticing, so no element that would fail loudly asks for it beforehand.
    modulePreload: { polyfill: false, resolveDependencies: () => [] },
  },
  server: { proxy: { "/api": gateway, "/health": gateway, "/ready": gateway } },
});
