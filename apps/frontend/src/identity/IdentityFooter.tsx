import type { Identity, PageIdentity } from "../api/release";

interface IdentityFooterProps {
  page: PageIdentity | null;
  api: Identity | null;
}

const UNKNOWN = "unknown";

/** Which copy of the system a person is looking at: the one which answered last, and the page's own where it differs. */
export function IdentityFooter({ page, api }: IdentityFooterProps) {
  const serving = api ?? page;
  const colour = serving?.colour ?? UNKNOWN;
  const differs = page && api && (page.colour !== api.colour || page.release !== api.release);
  return (
    <footer className="identity">
      <dl>
        <div>
          <dt>{differs ? "Page version" : "Version"}</dt>
          <dd data-testid="version">{page?.version ?? UNKNOWN}</dd>
        </div>
        <div>
          <dt>Colour</dt>
          <dd>
            <span className={`swatch swatch-${colour}`} aria-hidden="true" />
            <span data-testid="colour">{colour}</span>
          </dd>
        </div>
        <div>
          <dt>Release</dt>
          <dd data-testid="release">{serving?.release ?? UNKNOWN}</dd>
        </div>
        {differs && (
          <div>
            <dt>This page</dt>
            <dd data-testid="page-identity">
              {page.colour} {page.release}
            </dd>
          </div>
        )}
      </dl>
    </footer>
  );
}
