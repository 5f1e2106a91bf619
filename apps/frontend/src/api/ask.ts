/** How the page asks its server. */
export type Ask = (path: string, init?: RequestInit) => Promise<Response>;

const plainly: Ask = (path, init) => fetch(path, init);
let asking = plainly;

export const ask: Ask = (path, init) => asking(path, init);

/** From now on questions go through the observer, which asks them in the way it is given. */
export function observe(observer: (plainly: Ask) => Ask): void {
  asking = observer(plainly);
}

export function observeNoMore(): void {
  asking = plainly;
}
