/** Start of the client: routes in a frame. Django renders the page around it. */

import "@fontsource-variable/figtree";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/feed.css";
import "./styles/forms.css";
import "./styles/upload.css";
import "./styles/watch.css";
import "./styles/downloads.css";
import "./styles/queue.css";

import { render } from "preact";
import { ConnectionChip } from "./parts/connection.tsx";
import { Header } from "./parts/header.tsx";
import { lazy } from "./parts/lazy.tsx";
import { Toasts } from "./parts/toasts.tsx";
import { Feed } from "./pages/feed.tsx";
import { NotFound } from "./pages/not-found.tsx";
import { Register, SignIn } from "./pages/sign.tsx";
import { path, startRouter } from "./router.ts";
import { loadMe } from "./session.ts";

const Upload = lazy(() => import("./pages/upload.tsx"));
const Videos = lazy(() => import("./pages/videos.tsx"));
const Queue = lazy(() => import("./pages/queue.tsx"));
const WatchPost = lazy(() => import("./pages/watch-post.tsx"));
const WatchVideo = lazy(() => import("./pages/watch-video.tsx"));

function page(pathname: string) {
  switch (pathname) {
    case "/":
      return <Feed />;
    case "/login":
      return <SignIn />;
    case "/register":
      return <Register />;
    case "/upload":
      return <Upload />;
    case "/videos":
      return <Videos />;
    case "/queue":
      return <Queue />;
  }
  const [, kind, id] = /^\/(p|v)\/([0-9a-f-]{36})\/?$/.exec(pathname) ?? [];
  if (kind === "p" && id) return <WatchPost key={id} id={id} />;
  if (kind === "v" && id) return <WatchVideo key={id} id={id} />;
  return <NotFound />;
}

function App() {
  return (
    <>
      <a class="skip" href="#content">
        Skip to content
      </a>
      <Header />
      <main id="content" tabIndex={-1}>
        {page(path.value)}
      </main>
      <ConnectionChip />
      <Toasts />
    </>
  );
}

startRouter();
void loadMe();
const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  render(<App />, root);
}
