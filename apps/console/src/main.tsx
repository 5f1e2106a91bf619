import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { followLinks } from "./address.ts";
import { App } from "./App.tsx";
import { applyTheme, savedTheme } from "./ui/theme.ts";
import "./ui/styles.css";

applyTheme(savedTheme());
document.addEventListener("click", followLinks);

// A panel shows what it had until the next answer is there; the next reload tries again.
const client = new QueryClient({
  defaultOptions: {
    queries: {
      retry: 0,
      refetchOnWindowFocus: false,
      // eslint-disable-next-line @typescript-eslint/no-deprecated -- of the next version; Perses wants this one
      keepPreviousData: true,
      staleTime: 1000,
    },
  },
});

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <App />
      </QueryClientProvider>
    </StrictMode>,
  );
}
