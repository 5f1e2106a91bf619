import { useEffect, useState } from "react";

import { type PageIdentity, fetchPageIdentity } from "../api/release";

export function usePageIdentity(): PageIdentity | null {
  const [page, setPage] = useState<PageIdentity | null>(null);
  useEffect(() => {
    void fetchPageIdentity().then(setPage);
  }, []);
  return page;
}
