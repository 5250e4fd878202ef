import { Blank } from "../parts/basics.tsx";

export function NotFound() {
  return (
    <div class="content">
      <Blank
        title="Nothing on this reel"
        actions={
          <a class="button primary" href="/">
            Back to the feed
          </a>
        }
      >
        The page you followed does not exist, or is not shared with you.
      </Blank>
    </div>
  );
}
