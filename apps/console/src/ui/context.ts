import { createContext, useContext } from "react";

import { DEFAULTS, type Config } from "../config.ts";

export const ConfigContext = createContext<Config>(DEFAULTS);
export const useConfig = (): Config => useContext(ConfigContext);
