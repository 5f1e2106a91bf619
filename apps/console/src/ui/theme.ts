import { createContext, useContext } from "react";

export type Theme = "dark" | "light";

export const ThemeContext = createContext<Theme>("dark");
export const useTheme = (): Theme => useContext(ThemeContext);

const KEPT = "console-theme";

/** What the user chose, else what the system says. */
export function savedTheme(): Theme {
  const kept = window.localStorage.getItem(KEPT);
  if (kept === "dark" || kept === "light") return kept;
  return window.matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}

export function applyTheme(theme: Theme): void {
  window.localStorage.setItem(KEPT, theme);
  document.documentElement.dataset.theme = theme;
}
