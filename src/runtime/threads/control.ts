/**
 * The block of shared memory through which threads share a launch, and its protocol. Without imports: the pool and its workers both load it.
 *
 * A launch's iterations are cut into chunks, the chunks dealt out to a share for each thread. A thread takes the chunks of its own share, so that it finds its part of the
 * weights in its own caches from run to run, then what is left of the others': nobody waits for a thread that its core is busy without. The launch is done when every
 * chunk is, whoever came.
 *
 * A share is one word, `epoch << 12 | chunks left`, and taking a chunk is a compare-and-exchange of it. While chunks are left the launch can't end, so what was read of the
 * launch before a successful exchange is of that launch; a thread that comes late finds nothing left and takes nothing. (Numbers of launches repeat after 2^20: one that is
 * stopped between its look and its exchange for exactly so many would be misled.)
 */

/** The most threads that share a launch. */
export const mostThreads = 64;
const mostArguments = 40;
/** Chunks of each thread's share. */
const chunksPerShare = 8;
const leftBits = 12;
const leftMask = 2 ** leftBits - 1;
const mostMessageBytes = 512;

/** Places of words. What different threads write lies in different lines of the cache. */
const place = { done: 0, launch: 16, args: 24, shares: 112, workers: 112 + 16 * mostThreads } as const;
/** Words of the launch, from `place.launch` on. */
const field = { kernel: 0, function: 1, iterations: 2, chunks: 3, threads: 4, args: 5 } as const;
const failureAt = place.workers + 16 * mostThreads;
const controlBytes = 4 * (failureAt + 1) + mostMessageBytes;

const shareAt = (share: number): number => place.shares + 16 * share;
const wakeAt = (thread: number): number => place.workers + 16 * thread;
const mailAt = (thread: number): number => wakeAt(thread) + 1;

export type Control = Int32Array<SharedArrayBuffer>;

export const makeControl = (): Control => new Int32Array(new SharedArrayBuffer(controlBytes));

/** A call of a kernel that threads share. */
export interface SharedCall {
  /** Number of the module that was made known. */
  readonly kernel: number;
  /** Place of the function among the module's exports. */
  readonly function: number;
  readonly args: readonly number[];
  readonly iterations: number;
  readonly threads: number;
}

/** Calls a range of a kernel's iterations. */
export type CallRange = (call: SharedCall, begin: number, end: number) => void;

/** Addresses may have more than 32 bits. What is written here is seen by whoever then sees the shares. */
const argumentsIn = (control: Control): Float64Array => new Float64Array(control.buffer, 4 * place.args, mostArguments);

/** The first iteration of a share. */
const shareBegin = (iterations: number, threads: number, share: number): number =>
  Math.floor((iterations * share) / threads);
const shareLength = (iterations: number, threads: number, share: number): number =>
  shareBegin(iterations, threads, share + 1) - shareBegin(iterations, threads, share);

/** Chunks of a share of so many iterations. */
const chunksOf = (length: number): number => Math.min(length, chunksPerShare);

/**
 * The first iteration of a chunk within its share. Chunks shrink evenly, from twice the average to next to nothing: what a thread may have to wait for another at the end is one of
 * the last, a 64th of a share. A chunk of few iterations may be empty.
 */
const chunkBegin = (length: number, chunk: number): number =>
  Math.floor(length * (1 - (1 - chunk / chunksOf(length)) ** 2));

/** Whether a call has few enough arguments. */
export const fits = (args: readonly number[]): boolean => args.length <= mostArguments;

/** Lays a call out for all to take part; gives its number of chunks. The one before must be done. */
export function publish(control: Control, epoch: number, call: SharedCall): number {
  const { kernel, function: called, args, iterations, threads } = call;
  const counts = Array.from({ length: threads }, (_, share) => chunksOf(shareLength(iterations, threads, share)));
  const chunks = counts.reduce((sum, count) => sum + count, 0);
  const set = (of: number, value: number): unknown => Atomics.store(control, place.launch + of, value);
  set(field.kernel, kernel);
  set(field.function, called);
  set(field.iterations, iterations);
  set(field.chunks, chunks);
  set(field.threads, threads);
  set(field.args, args.length);
  argumentsIn(control).set(args);
  Atomics.store(control, place.done, 0);
  for (const [share, count] of counts.entries()) Atomics.store(control, shareAt(share), (epoch << leftBits) | count);
  return chunks;
}

function readCall(control: Control): SharedCall & { readonly chunks: number } {
  const get = (of: number): number => Atomics.load(control, place.launch + of);
  const count = Math.min(mostArguments, get(field.args));
  return {
    kernel: get(field.kernel),
    function: get(field.function),
    iterations: get(field.iterations),
    chunks: get(field.chunks),
    threads: get(field.threads),
    args: [...argumentsIn(control).subarray(0, count)],
  };
}

/** Takes chunks of the launch, as thread `me`, until none is left. What `call` throws is kept for `takeFailure`, and the rest of the launch is given up. */
export function takePart(control: Control, me: number, call: CallRange): void {
  let launch: ReturnType<typeof readCall> | undefined;
  let epoch = 0;
  for (let turn = 0; turn < (launch?.threads ?? mostThreads); ) {
    const share = launch === undefined ? me : (me + turn) % launch.threads;
    const word = Atomics.load(control, shareAt(share));
    const left = word & leftMask;
    if (launch === undefined || word >> leftBits !== epoch) {
      // Read after the share was seen to have chunks left: if one of them can be taken below, it is this launch's.
      launch = readCall(control);
      epoch = word >> leftBits;
      if (me >= launch.threads) return;
    }
    if (left === 0) turn++;
    else if (Atomics.compareExchange(control, shareAt(share), word, word - 1) === word)
      runChunk(control, launch, share, left, me, call);
  }
}

function runChunk(
  control: Control,
  launch: ReturnType<typeof readCall>,
  share: number,
  left: number,
  me: number,
  call: CallRange,
): void {
  const { chunks, iterations, threads } = launch;
  const length = shareLength(iterations, threads, share);
  const chunk = chunksOf(length) - left;
  const bound = (i: number): number => shareBegin(iterations, threads, share) + chunkBegin(length, i);
  const [begin, end] = [bound(chunk), bound(chunk + 1)];
  try {
    if (begin < end) call(launch, begin, end);
  } catch (error) {
    fail(control, me, error);
    finish(control, chunks, giveUp(control, threads));
  }
  finish(control, chunks, 1);
}

function finish(control: Control, chunks: number, count: number): void {
  if (Atomics.add(control, place.done, count) + count === chunks) Atomics.notify(control, place.done);
}

/** Takes every chunk that is left, to run none of them; gives their number. */
function giveUp(control: Control, threads: number): number {
  let given = 0;
  for (let share = 0; share < threads; share++) {
    for (;;) {
      const word = Atomics.load(control, shareAt(share));
      const left = word & leftMask;
      if (Atomics.compareExchange(control, shareAt(share), word, word - left) !== word) continue;
      given += left;
      break;
    }
  }
  return given;
}

// -------------------------------------------------------------------------------------------------------------- failures

/** Keeps the first failure of a launch. */
function fail(control: Control, me: number, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const bytes = new TextEncoder().encode(`thread ${me}: ${message}`).subarray(0, mostMessageBytes);
  if (Atomics.compareExchange(control, failureAt, 0, bytes.length) !== 0) return;
  new Uint8Array(control.buffer, 4 * (failureAt + 1)).set(bytes);
}

/** What went wrong in the launch that is done, if anything. */
export function takeFailure(control: Control): string | undefined {
  const length = Atomics.exchange(control, failureAt, 0);
  // Decoders refuse shared memory.
  return length === 0
    ? undefined
    : new TextDecoder().decode(new Uint8Array(control.buffer, 4 * (failureAt + 1), length).slice());
}

// --------------------------------------------------------------------------------------------------------------- waiting

/** How long to look again and again before sleeping: being woken takes some 50 µs, and the next launch is often nearer than that. */
const spinMs = 0.1;

/** Newer engines let the core's other thread have what looking again does not need. */
const pause: () => void = (Atomics as { readonly pause?: () => void }).pause ?? (() => {});

/** Whether it came true in that time. */
function spin(isTrue: () => boolean, ms: number): boolean {
  const until = performance.now() + ms;
  do {
    for (let i = 0; i < 50; i++) {
      if (isTrue()) return true;
      pause();
    }
  } while (performance.now() < until);
  return false;
}

/** The main thread of a browser may not sleep. */
function maySleep(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
    return true;
  } catch {
    return false;
  }
}
let sleeps: boolean | undefined;

/** Waits until all chunks are done; false where that takes longer than `limitMs`. */
export function awaitDone(control: Control, chunks: number, limitMs: number): boolean {
  const isDone = (): boolean => Atomics.load(control, place.done) === chunks;
  if (spin(isDone, spinMs)) return true;
  sleeps ??= maySleep();
  if (!sleeps) return spin(isDone, limitMs);
  const until = performance.now() + limitMs;
  for (;;) {
    const done = Atomics.load(control, place.done);
    if (done === chunks) return true;
    const left = until - performance.now();
    if (left <= 0) return false;
    Atomics.wait(control, place.done, done, left);
  }
}

/** Wakes a thread. */
export function wake(control: Control, thread: number): void {
  Atomics.add(control, wakeAt(thread), 1);
  Atomics.notify(control, wakeAt(thread));
}

/** Tells a thread that a message is on its way to it; it has to leave `serve` to read it. */
export function announceMail(control: Control, thread: number): void {
  Atomics.add(control, mailAt(thread), 1);
  wake(control, thread);
}

/** Takes part in launches as thread `me`, until more than `read` messages have been announced. */
export function serve(control: Control, me: number, read: number, call: CallRange): void {
  for (;;) {
    const seen = Atomics.load(control, wakeAt(me));
    if (Atomics.load(control, mailAt(me)) !== read) return;
    takePart(control, me, call);
    const isWoken = (): boolean => Atomics.load(control, wakeAt(me)) !== seen;
    if (!spin(isWoken, spinMs)) Atomics.wait(control, wakeAt(me), seen);
  }
}
