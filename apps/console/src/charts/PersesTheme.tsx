import createCache from "@emotion/cache";
import { CacheProvider } from "@emotion/react";
import { createTheme, ThemeProvider } from "@mui/material";
import { ChartsProvider, generateChartsTheme, getTheme } from "@perses-dev/components";
import { useMemo } from "react";

import { useTheme } from "../ui/theme.ts";

// The content security policy lets no style in that does not carry this answer's number.
const nonce = document.querySelector<HTMLMetaElement>('meta[name="style-nonce"]')?.content ?? "";
const cache = createCache({ key: "perses", nonce });

const FONT = "system-ui, sans-serif";

/** What components of Perses need around them. */
export function PersesTheme({ children }: { children: React.ReactNode }) {
  const mode = useTheme();
  const [theme, charts] = useMemo(() => {
    const perses = getTheme(mode);
    const own = createTheme(perses, { typography: { fontFamily: FONT } });
    return [own, generateChartsTheme(own, { echartsTheme: { textStyle: { fontFamily: FONT, fontSize: 11 } } })] as const;
  }, [mode]);
  return (
    <CacheProvider value={cache}>
      <ThemeProvider theme={theme}>
        <ChartsProvider chartsTheme={charts}>{children}</ChartsProvider>
      </ThemeProvider>
    </CacheProvider>
  );
}
