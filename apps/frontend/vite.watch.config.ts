import { readFileSync } from "node:fs";

import { type Plugin, mergeConfig } from "vite";

import config from "./vite.config.ts";

/** `make watch`: Vite where the container's nginx is otherwise, so that edge and page find what they find there. */
const told = {
  version: process.env.ECHOBASE_VERSION,
  colour: process.env.ECHOBASE_COLOUR,
  release: process.env.ECHOBASE_RELEASE,
};
const answers: Record<string, unknown> = { "/healthz": "ok", "/in-flight": { reading: 0, writing: 1 }, "/release.json": told };

const inPlaceOfTheContainer: Plugin = {
  name: "in-place-of-the-container",
  configureServer(server) {
    server.middlewares.use((request, response, next) => {
      const answer = answers[request.url ?? ""];
      if (answer === undefined) {
        next();
        return;
      }
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify(answer));
    });
  },
};

const read = (name: string) => readFileSync(process.env[name] ?? "");

export default mergeConfig(config, {
  plugins: [inPlaceOfTheContainer],
  // The sources are mounted read-only.
  cacheDir: "/tmp/vite",
  clearScreen: false,
  server: {
    host: "0.0.0.0",
    port: 8443,
    strictPort: true,
    https: { cert: read("TLS_CERT_FILE"), key: read("TLS_KEY_FILE") },
    headers: { "X-Echobase-Colour": told.colour, "X-Echobase-Release": told.release },
  },
});
