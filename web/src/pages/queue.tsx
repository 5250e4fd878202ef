/** The queue, for those who run the instance: what runs, what waits, what failed; pause and go on. */

import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api, explain, samePath } from "../api/client.ts";
import type { Job, Page, Queue } from "../api/types.ts";
import { useTopic } from "../live/index.ts";
import { Age, Busy, PageTitle } from "../parts/basics.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { plural, roughly } from "../parts/format.ts";
import { Again, Cross, Pause, Play, Up } from "../parts/icons.tsx";
import { ordinal } from "../parts/queue-words.ts";
import { useSignedIn } from "../parts/signed-in.ts";
import { toast } from "../parts/toasts.tsx";
import { mayRun } from "../session.ts";
import { NotFound } from "./not-found.tsx";

type Shown = "queued" | "failed";

const queue = signal<Queue | null>(null);
const isOver = signal(false);
const shown = signal<Shown>("queued");
const jobs = signal<Job[] | null>(null);
const next = signal<string | null>(null);

/** The list of jobs is asked for again at most so often while the queue moves. */
const RELOAD_MS = 2000;
let reloading: ReturnType<typeof setTimeout> | undefined;

const KINDS: Record<Job["kind"], string> = {
  ingest: "First look and beginning",
  copy: "Original quality",
  audio: "Sound",
  lead: "First pictures",
  on_demand: "For a viewer who waits",
  poster: "Still",
  subtitles: "Subtitles",
  storyboard: "Stills of the whole length",
  loudness: "Loudness",
  ladder: "All qualities",
  early: "Before all has arrived",
  download: "File to take away",
  av1: "AV1",
};

async function loadJobs(url = `/api/jobs/?state=${shown.value}`): Promise<void> {
  const asked = shown.value;
  try {
    const page = await api.get<Page<Job>>(url);
    if (asked !== shown.value) return;
    const isFirst = !url.includes("cursor=");
    jobs.value = [...(isFirst ? [] : (jobs.value ?? [])), ...page.results];
    next.value = page.next;
  } catch (error) {
    toast(explain(error));
  }
}

function take(state: Queue): void {
  const before = queue.value?.counts;
  queue.value = state;
  const hasMoved = before?.queued !== state.counts.queued || before?.failed !== state.counts.failed;
  // Further pages were asked for by hand; they are not thrown away under the reader's eyes.
  if (!hasMoved || reloading !== undefined || (jobs.value?.length ?? 0) > 20) return;
  reloading = setTimeout(() => {
    reloading = undefined;
    if (queue.value) void loadJobs();
  }, RELOAD_MS);
}

async function steer(act: "pause" | "resume"): Promise<void> {
  try {
    take(await api.post<Queue>(`/api/jobs/queue/${act}/`));
  } catch (error) {
    toast(explain(error));
  }
}

/** Before everything but what viewers wait for. */
const FIRST = 94;

async function goFirst(id: string): Promise<void> {
  try {
    await api.patch<Job>(`/api/jobs/${id}/`, { priority: FIRST });
    toast("The job goes first now.");
    await loadJobs();
  } catch (error) {
    toast(explain(error));
  }
}

async function change(id: string, act: "cancel" | "retry"): Promise<void> {
  try {
    await api.post<Job>(`/api/jobs/${id}/${act}/`);
    toast(act === "cancel" ? "The job is cancelled." : "The job is in line again.");
    await loadJobs();
  } catch (error) {
    toast(explain(error));
  }
}

function choose(state: Shown): void {
  shown.value = state;
  jobs.value = null;
  void loadJobs();
}

function Tile({ label, value, hint }: { label: string; value: string; hint?: ComponentChildren }) {
  return (
    <div class="panel tile">
      <dt>{label}</dt>
      <dd>
        <strong>{value}</strong>
        {hint && <span class="tile-hint">{hint}</span>}
      </dd>
    </div>
  );
}

function Tiles({ state }: { state: Queue }) {
  const slots = state.workers.reduce((sum, worker) => sum + worker.slots, 0);
  return (
    <dl class="tiles">
      <Tile
        label="Waiting"
        value={String(state.counts.queued)}
        hint={state.waiting_since && <>the first came <Age of={state.waiting_since} /></>}
      />
      <Tile label="Running" value={String(state.counts.running)} hint={plural(slots, "slot")} />
      <Tile label="Failed" value={String(state.counts.failed)} />
      <Tile label="Done in the last hour" value={String(state.counts.done_last_hour)} />
      <Tile
        label="Workers"
        value={String(state.workers.length)}
        hint={state.workers.length === 0 ? "nobody works now" : undefined}
      />
    </dl>
  );
}

interface Row {
  id: string;
  kind: Job["kind"];
  title: string;
  video_id: string;
  owner: string;
  facts: ComponentChildren;
  reason?: string;
  mayGoFirst?: boolean;
}

interface TableProps {
  caption: string;
  rows: Row[];
  act: "cancel" | "retry";
  nothing: string;
}

function Table({ caption, rows, act, nothing }: TableProps) {
  const [asked, setAsked] = useState<Row | null>(null);
  if (rows.length === 0) return <p class="nothing">{nothing}</p>;
  return (
    <>
      <table class="jobs panel">
        <caption class="visually-hidden">{caption}</caption>
        <thead class="visually-hidden">
          <tr>
            <th scope="col">Work</th>
            <th scope="col">What to do</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id} data-job={row.id}>
              <td>
                <a href={`/v/${row.video_id}`}>{row.title}</a>
                <span class="facts">
                  <span>{KINDS[row.kind] ?? row.kind}</span>
                  <span>{row.owner}</span>
                  {row.facts}
                </span>
                {row.reason && <span class="reason">{row.reason}</span>}
              </td>
              <td class="job-act">
                <div class="job-buttons">
                  {row.mayGoFirst && (
                    <button
                      type="button"
                      class="button small quiet"
                      onClick={() => void goFirst(row.id)}
                    >
                      <Up size={16} /> Go first
                      <span class="visually-hidden">
                        : {KINDS[row.kind] ?? row.kind} of {row.title}
                      </span>
                    </button>
                  )}
                  <button
                    type="button"
                    class="button small quiet"
                    onClick={() => (act === "cancel" ? setAsked(row) : void change(row.id, act))}
                  >
                    {act === "cancel" ? <Cross size={16} /> : <Again size={16} />}
                    {act === "cancel" ? "Cancel" : "Try again"}
                    <span class="visually-hidden">
                      : {KINDS[row.kind] ?? row.kind} of {row.title}
                    </span>
                  </button>
                </div>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {asked && (
        <Confirm
          title="Cancel this job?"
          text={`${asked.title} cannot be completed without it. It can be tried again later.`}
          action="Cancel the job"
          onAnswer={(isYes) => {
            setAsked(null);
            if (isYes) void change(asked.id, "cancel");
          }}
        />
      )}
    </>
  );
}

function Running({ state }: { state: Queue }) {
  const rows = state.running.map((job) => ({
    ...job,
    facts: (
      <>
        {job.started_at && <span>began <Age of={job.started_at} /></span>}
        <span>{job.worker}</span>
      </>
    ),
  }));
  return (
    <section aria-labelledby="running">
      <h2 id="running">Running</h2>
      <Table caption="Jobs that run" rows={rows} act="cancel" nothing="Nothing runs right now." />
    </section>
  );
}

/** Kinds that are done piece by piece say which one it is. */
const IN_PIECES = ["lead", "ladder", "early"];

function waiting(job: Job): ComponentChildren {
  const seconds = job.queue?.begins_at ? (Date.parse(job.queue.begins_at) - Date.now()) / 1000 : 0;
  return (
    <>
      {IN_PIECES.includes(job.kind) && <span>piece {job.position + 1}</span>}
      {job.queue?.position && <span>{ordinal(job.queue.position)} in line</span>}
      {seconds > 0 && <span>begins in about {roughly(seconds)}</span>}
    </>
  );
}

function Listed() {
  // The list comes newest first; what is next in line stands at the top.
  const place = (job: Job) => job.queue?.position ?? 0;
  const sorted = jobs.value && [...jobs.value].sort((one, other) => place(one) - place(other));
  const rows = sorted?.map((job) => ({
    ...job,
    owner: job.owner.username,
    mayGoFirst: job.priority < FIRST && (job.queue?.position ?? 0) > 1,
    facts: job.state === "failed" && job.finished_at ? <Age of={job.finished_at} /> : waiting(job),
    reason: job.error ? `${job.error.detail} ${job.state === "failed" ? job.error.advice : ""}` : "",
  }));
  return (
    <section aria-label="Other jobs">
      <div class="choice" role="group" aria-label="Which jobs">
        {(["queued", "failed"] as const).map((state) => (
          <button
            key={state}
            type="button"
            class="button small"
            aria-pressed={shown.value === state}
            onClick={() => choose(state)}
          >
            {state === "queued" ? "Waiting" : "Failed"}
          </button>
        ))}
      </div>
      {!rows && <Busy label="Loading jobs" />}
      {rows && (
        <Table
          caption={shown.value === "queued" ? "Jobs that wait" : "Jobs that failed"}
          rows={rows}
          act={shown.value === "queued" ? "cancel" : "retry"}
          nothing={shown.value === "queued" ? "Nothing waits." : "Nothing has failed."}
        />
      )}
      {next.value && (
        <div class="more">
          <button
            type="button"
            class="button"
            onClick={() => void loadJobs(samePath(next.value ?? ""))}
          >
            Load more
          </button>
        </div>
      )}
    </section>
  );
}

function PauseButton({ isPaused }: { isPaused: boolean }) {
  return (
    <button
      type="button"
      class={isPaused ? "button primary" : "button"}
      onClick={() => void steer(isPaused ? "resume" : "pause")}
    >
      {isPaused ? <Play /> : <Pause />} {isPaused ? "Resume the queue" : "Pause the queue"}
    </button>
  );
}

export default function QueuePage() {
  const user = useSignedIn();
  const isAllowed = user !== null && mayRun(user) && !isOver.value;
  useEffect(() => {
    if (!isAllowed) return;
    api.get<Queue>("/api/jobs/queue/").then(take, (error: unknown) => toast(explain(error)));
    void loadJobs();
    return () => {
      clearTimeout(reloading);
      reloading = undefined;
      queue.value = jobs.value = next.value = null;
    };
  }, [isAllowed]);
  useTopic(isAllowed ? "admin:queue" : null, {
    onSnapshot: (data) => take(data as Queue),
    onMessage: ({ type, data }) => {
      if (type === "queue.updated") take(data as Queue);
      if (type === "queue.closed") isOver.value = true;
    },
  });
  if (!user) return null;
  if (!isAllowed) return <NotFound />;
  const state = queue.value;
  return (
    <div class="content queue">
      <div class="page-head">
        <PageTitle>Queue</PageTitle>
        {state && <PauseButton isPaused={state.paused_at !== null} />}
      </div>
      <div role="status">
        {state?.paused_at && (
          <p class="paused">
            <strong>Paused</strong> <Age of={state.paused_at} />
            {state.paused_by && ` by ${state.paused_by}`}. What runs is finished, and what viewers
            wait for is still made. Nothing is lost.
          </p>
        )}
      </div>
      {!state && <Busy label="Loading the queue" />}
      {state && (
        <>
          <Tiles state={state} />
          <Running state={state} />
          <Listed />
        </>
      )}
    </div>
  );
}
