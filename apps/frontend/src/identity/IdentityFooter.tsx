import type { Identity, PageIdentity } from "../api/release";

interface IdentityFooterProps {
  page: PageIdentity | null;
  api: Identity | null;
  /** Where the page about health is. */
  health: string;
}

const UNKNOWN = "unknown";

/** Which copy of the system a person is looking at: the one which answered last, and the page's own where it differs. */
export function IdentityFooter({ page, api, health }: IdentityFooterProps) {
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
        <div>
          <dd>
            <a href={health} data-testid="health-link">
              Health
            </a>
          </dd>
        </div>
      </dl>
    </footer>
  );
}
