import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";

import { App } from "./App";
import type { Order } from "./orders/order";
import { storeSession } from "./session/session";
import { type Reply, type Request, problem, service } from "./test/service";

const ANSWERING = { colour: "green", release: "0.1.0-new" };
const HEADERS = { "X-Echobase-Colour": ANSWERING.colour, "X-Echobase-Release": ANSWERING.release };

/** A small order system; `special` may answer a call in its own way. */
function system(special: (request: Request) => Reply | undefined = () => undefined): Request[] {
  const orders: Order[] = [];
  return service((request) => {
    const reply = special(request);
    if (reply) return reply;
    const answer = (body: unknown, status = 200) => Response.json(body, { status, headers: HEADERS });
    switch (`${request.method} ${request.path}`) {
      case "GET /release.json":
        return answer({ version: "0.1.0", ...ANSWERING });
      case "POST /api/auth/register":
        return answer({ id: "1" }, 201);
      case "POST /api/auth/login":
        return answer({ token: "t", expires_at: new Date(Date.now() + 60_000).toISOString() });
      case "POST /api/orders": {
        const { item, quantity } = request.body as Order;
        const id = String(orders.length + 1);
        orders.push({ id, item, quantity, note: null, status: "processed", created_at: new Date().toISOString(), processed_at: null });
        return answer({ id, status: "accepted" }, 202);
      }
      case "GET /api/orders":
        return answer(orders);
      default:
        return answer({ status: "ok" });
    }
  });
}

function loggedIn(): void {
  storeSession({ email: "ada@example.org", token: "t", expiresAt: Date.now() + 60_000 });
}

async function enterCredentials(): Promise<void> {
  await userEvent.type(screen.getByTestId("email"), "ada@example.org");
  await userEvent.type(screen.getByTestId("password"), "correct horse");
}

test("register, order, see it processed, log out", async () => {
  system();
  render(<App />);
  await enterCredentials();
  await userEvent.click(screen.getByTestId("register"));
  await userEvent.type(await screen.findByTestId("item"), "Tea");
  await userEvent.click(screen.getByTestId("place-order"));
  await waitFor(() => {
    expect(screen.getByTestId("order-status").textContent).toBe("processed");
  });
  expect(screen.getByTestId("order-row").textContent).toContain("1 × Tea");
  expect(screen.getByTestId<HTMLInputElement>("item").value).toBe("");
  await userEvent.click(screen.getByTestId("logout"));
  expect(screen.getByTestId("login")).toBeDefined();
  expect(sessionStorage).toHaveLength(0);
});

test("the footer names version, colour and release", async () => {
  system();
  render(<App />);
  await waitFor(() => {
    expect(screen.getByTestId("version").textContent).toBe("0.1.0");
  });
  expect(screen.getByTestId("colour").textContent).toBe(ANSWERING.colour);
  expect(screen.getByTestId("release").textContent).toBe(ANSWERING.release);
  expect(screen.queryByTestId("new-version")).toBeNull();
});

test("a page of an earlier release says that there is a new one", async () => {
  system(({ path }) => (path === "/release.json" ? Response.json({ version: "0.0.9", colour: "blue", release: "0.0.9-old" }) : undefined));
  render(<App />);
  expect(await screen.findByTestId("new-version")).toBeDefined();
  expect(screen.getByTestId("page-identity").textContent).toBe("blue 0.0.9-old");
});

test("a refused field is marked and described", async () => {
  const errors = [{ pointer: "#/password", detail: "Too short." }];
  system(({ path }) => (path === "/api/auth/register" ? problem(422, "Correct the fields.", { errors }) : undefined));
  render(<App />);
  await enterCredentials();
  await userEvent.click(screen.getByTestId("register"));
  expect((await screen.findByTestId("error")).textContent).toBe("Correct the fields.");
  const password = screen.getByTestId("password");
  expect(password.getAttribute("aria-invalid")).toBe("true");
  expect(document.getElementById(password.getAttribute("aria-describedby") ?? "")?.textContent).toBe("Too short.");
});

test.each([
  [401, {}, "Email or password is not right."],
  [429, { "Retry-After": "12" }, "Too many attempts. Please try again in 12 seconds."],
  [500, {}, "Something went wrong on our side. Please try again."],
])("a login refused with %i says why", async (status, headers, words) => {
  system(({ path }) => (path === "/api/auth/login" ? problem(status, "", {}, headers) : undefined));
  render(<App />);
  await enterCredentials();
  await userEvent.click(screen.getByTestId("login"));
  expect((await screen.findByTestId("error")).textContent).toBe(words);
});

test("a session that the service no longer knows ends with a notice", async () => {
  loggedIn();
  system(({ path }) => (path === "/api/orders" ? problem(401) : undefined));
  render(<App />);
  expect((await screen.findByTestId("notice")).textContent).toContain("expired");
  expect(screen.getByTestId("login")).toBeDefined();
});

const inAMinute = () => new Date(Date.now() + 60_000).toISOString();
const anotherToken = () => Response.json({ token: "t2", expires_at: inAMinute(), refresh_token: "r2", refresh_expires_at: inAMinute() });
const isAuthorised = (request: Request) => request.headers.get("Authorization") === "Bearer t2";

function loggedInLongAgo(): void {
  storeSession({ email: "ada@example.org", token: "t", expiresAt: 0, refreshToken: "r1", refreshExpiresAt: Date.now() + 60_000 });
}

test("a token that expired is exchanged once, and nobody notices", async () => {
  loggedInLongAgo();
  const requests = system((request) => {
    if (request.path === "/api/auth/refresh") return anotherToken();
    return request.path === "/api/orders" && !isAuthorised(request) ? problem(401) : undefined;
  });
  render(<App />);
  await userEvent.type(screen.getByTestId("item"), "Tea");
  await userEvent.click(screen.getByTestId("place-order"));
  await screen.findByTestId("order-row");
  expect(screen.queryByTestId("notice")).toBeNull();
  const refreshes = requests.filter(({ path }) => path === "/api/auth/refresh");
  expect(refreshes.map(({ body }) => body)).toEqual([{ refresh_token: "r1" }]);
});

test("a session that cannot be refreshed ends with a notice", async () => {
  loggedInLongAgo();
  system(({ path }) => (path.startsWith("/api/") ? problem(401) : undefined));
  render(<App />);
  expect((await screen.findByTestId("notice")).textContent).toContain("expired");
});

test("logging out has the service forget the session", async () => {
  storeSession({ email: "ada@example.org", token: "t", expiresAt: Date.now() + 600_000, refreshToken: "r1", refreshExpiresAt: Date.now() + 600_000 });
  const requests = system(({ path }) => (path === "/api/auth/logout" ? new Response(null, { status: 204 }) : undefined));
  render(<App />);
  await userEvent.click(screen.getByTestId("logout"));
  await waitFor(() => {
    expect(requests.filter(({ path }) => path === "/api/auth/logout").map(({ body }) => body)).toEqual([{ refresh_token: "r1" }]);
  });
  expect(sessionStorage).toHaveLength(0);
});

test("an unconfirmed order is placed again under the same key, also after a reload", async () => {
  loggedIn();
  let isBroken = true;
  const requests = system(({ method, path }) => (isBroken && method === "POST" && path === "/api/orders" ? problem(500) : undefined));
  const first = render(<App />);
  await userEvent.type(screen.getByTestId("item"), "Tea");
  await userEvent.click(screen.getByTestId("place-order"));
  expect((await screen.findByTestId("error")).textContent).toContain("will not be placed twice");
  first.unmount();

  isBroken = false;
  render(<App />);
  expect(screen.getByTestId<HTMLInputElement>("item").value).toBe("Tea");
  await userEvent.click(screen.getByTestId("place-order"));
  await screen.findByTestId("order-row");
  const keys = requests.filter(({ method, path }) => method === "POST" && path === "/api/orders").map(({ headers }) => headers.get("Idempotency-Key"));
  expect(keys).toHaveLength(2);
  expect(new Set(keys).size).toBe(1);
});
