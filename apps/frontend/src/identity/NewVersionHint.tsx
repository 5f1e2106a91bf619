import type { Identity, PageIdentity } from "../api/release";

interface NewVersionHintProps {
  page: PageIdentity | null;
  api: Identity | null;
}

/** Traffic has moved to another release since this page was loaded. The page goes on working; reloading is the reader's choice. */
export function NewVersionHint({ page, api }: NewVersionHintProps) {
  const isOutdated = page !== null && api !== null && page.release !== api.release;
  return (
    <div role="status">
      {isOutdated && (
        <p className="hint" data-testid="new-version">
          A new version is available.
          <button
            type="button"
            className="link"
            onClick={() => {
              location.reload();
            }}
          >
            Reload
          </button>
        </p>
      )}
    </div>
  );
}
