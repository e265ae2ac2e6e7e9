/**
 * Kernels in grid form as schedules for GPUs leave them, small enough to be run by the interpreter in many orders: what tests of the passes for WGSL are
 * about.
 */

/** A main kernel of these lines. */
const kernel = (...lines: readonly string[]): string => ["kernel k stage main", ...lines].join("\n  ");

export type GridKernel =
  | "tiles"
  | "two buffers"
  | "tree"
  | "tree in a loop"
  | "subgroups"
  | "scale"
  | "first invocation"
  | "workspace"
  | "shapes"
  | "flat leader";

/** The text of each kernel by what it shows. */
export const gridKernels: Readonly<Record<GridKernel, string>> = {
  /** A tile of x and one of w in workgroup memory, used by all invocations. */
  tiles: kernel(
    "symbol M in 0..9",
    "input x: f32[M, 12]",
    "input w: f32[12, 8]",
    "output y: f32[M, 8]",
    "workgroup As: f32[4, 4]",
    "workgroup Bs: f32[4, 4]",
    "register acc: f32[4, 4]",
    "for nb < 2 workgroup.x",
    "  for mb < (M + 3) // 4 workgroup.y",
    "    for ko < 3",
    "      for ai < 4 local.y",
    "        for aj < 4 local.x",
    "          As[ai, aj] = x[4 * mb + ai, 4 * ko + aj if 4 * mb + ai < M]",
    "      for bi < 4 local.y",
    "        for bj < 4 local.x",
    "          Bs[bi, bj] = w[4 * ko + bi, 4 * nb + bj]",
    "      for mt < 4 local.y",
    "        for nt < 4 local.x",
    "          for ki < 4",
    "            acc[mt, nt] += As[mt, ki] * Bs[ki, nt] over ko, ki",
    "    for y/mt < 4 local.y",
    "      for y/nt < 4 local.x",
    "        y[4 * mb + y/mt, 4 * nb + y/nt if 4 * mb + y/mt < M] = acc[y/mt, y/nt]",
  ),
  /** Two buffers in turns: the next tile is loaded to registers before this one is used, and stored after. */
  "two buffers": kernel(
    "input x: f32[2, 32]",
    "output y: f32[2, 8]",
    "workgroup s: f32[2, 8]",
    "register r: f32[8]",
    "register acc: f32[8]",
    "for n < 2 workgroup.x",
    "  for i0 < 8 local.x",
    "    s[0, i0] = x[n, i0]",
    "  for k < 4",
    "    for i < 8 local.x",
    "      r[i] = x[n, 8 * k + 8 + i if k < 3]",
    "    for j < 8 local.x",
    "      for t < 8",
    "        acc[j] += s[k % 2, t] * f32(j + t) over k, t",
    "    if k < 3",
    "      for o < 8 local.x",
    "        s[(k + 1) % 2, o] = r[o]",
    "  for e < 8 local.x",
    "    y[n, e] = acc[e]",
  ),
  /** The sum over 16 invocations in four steps of halves, one nest each. */
  tree: kernel(
    "input x: i32[3, 16]",
    "output y: i32[3]",
    "workgroup part: i32[16]",
    "for n < 3 workgroup.x",
    "  for i < 16 local.x",
    "    part[i] = x[n, i]",
    "  for h8 < 8 local.x",
    "    part[h8] = part[h8] + part[h8 + 8]",
    "  for h4 < 4 local.x",
    "    part[h4] = part[h4] + part[h4 + 4]",
    "  for h2 < 2 local.x",
    "    part[h2] = part[h2] + part[h2 + 2]",
    "  y[n] = part[0] + part[1]",
  ),
  /** The same with the steps as a loop. */
  "tree in a loop": kernel(
    "input x: i32[2, 16]",
    "output y: i32[2]",
    "workgroup part: i32[16]",
    "for n < 2 workgroup.x",
    "  for i < 16 local.x",
    "    part[i] = x[n, i]",
    "  for s < 4",
    "    for j < 16 local.x",
    "      if j < 8 >> s",
    "        part[j] = part[j] + part[j + (8 >> s) if j < 8 >> s]",
    "  for e < 1 local.x",
    "    y[n] = part[e]",
  ),
  /** Partial sums of invocations, then over subgroups whatever they are, then over their slots. */
  subgroups: kernel(
    "input x: f32[2, 4, 64]",
    "output y: f32[2, 2]",
    "subgroup leader: i32[64]",
    "workgroup slot: f32[64, 2]",
    "register part: f32[64, 2]",
    "for n < 2 workgroup.x",
    "  for z < 64 local.x",
    "    for z/r < 2",
    "      slot[z, z/r] = 0.0",
    "  for k < 4",
    "    for i < 64 local.x",
    "      for r < 2",
    "        part[i, r] += x[n, k, i] * f32(r + 1) over k",
    "  for l < 64 local.x",
    "    for l/r < 2",
    "      slot[leader[l], l/r] += part[l, l/r]",
    "  for o < 2 local.x",
    "    for t < 64",
    "      y[n, o] += slot[t, o] over t",
  ),
  /** The largest value decides a scale, which every invocation then uses: code outside of nests is the same for all. */
  scale: kernel(
    "input x: f32[3, 8]",
    "output y: i8[3, 8]",
    "output s: f32[3]",
    "workgroup most: f32[8]",
    "register scale: f32[]",
    "for n < 3 workgroup.x",
    "  for i < 8 local.x",
    "    most[i] = abs(x[n, i])",
    "  scale[] = 1.0",
    "  for t < 8",
    "    scale[] = max(scale[], most[t])",
    "  let inverse = 1.0 / scale[]",
    "  for j < 8 local.x",
    "    y[n, j] = i8(round(x[n, j] * 64.0 * inverse))",
    "  s[n] = scale[]",
  ),
  /** Stores outside of nests are the first invocation's: others wait for them, and they for others. */
  "first invocation": kernel(
    "input x: i32[4, 6]",
    "output y: i32[4, 6]",
    "workgroup sum: i32[1]",
    "workgroup v: i32[6]",
    "register u: i32[]",
    "for n < 2 workgroup.x",
    "  sum[0] = n",
    "  for k < 2",
    "    for i < 2 local.y",
    "      for j < 3 local.x",
    "        v[3 * i + j] = x[2 * n + k, 3 * i + j] + sum[0]",
    "    sum[0] = sum[0] + v[5] - v[0]",
    "    u[] = v[3]",
    "    for a < 2 local.y",
    "      for b < 3 local.x",
    "        y[2 * n + k, 3 * a + b] = v[5 - (3 * a + b)] + u[]",
  ),
  /** Global memory that one invocation writes and another reads. */
  workspace: kernel(
    "input x: i32[2, 8]",
    "workspace z: i32[2, 8]",
    "output y: i32[2, 8]",
    "for n < 2 workgroup.x",
    "  for i < 8 local.x",
    "    z[n, i] = x[n, i] * 3",
    "  for j < 8 local.x",
    "    z[n, j] = z[n, j] + 1",
    "  for o < 8 local.x",
    "    y[n, o] = z[n, 7 - o]",
  ),
  /** Nests of other shapes than the workgroup, in three dimensions. */
  shapes: kernel(
    "input x: i32[24]",
    "output y: i32[2, 2, 3]",
    "workgroup s: i32[24]",
    "register r: i32[2, 3, 2]",
    "for g < 2 workgroup.z",
    "  for a < 2 local.z",
    "    for b < 3 local.y",
    "      for c < 4 local.x",
    "        s[12 * a + 4 * b + c] = x[12 * a + 4 * b + c] * (g + 1)",
    "  for d < 2 local.z",
    "    for e < 3 local.y",
    "      for f < 2",
    "        r[d, e, f] = s[(12 * d + 4 * e + 7 * f + 5) % 24]",
    "  for h < 2 local.z",
    "    for i < 3 local.y",
    "      y[g, h, i] = r[h, i, 0] - r[h, i, 1]",
  ),
  /** A local index over two dimensions, and slots found by loads. */
  "flat leader": kernel(
    "input x: i32[2, 24]",
    "output y: i32[2]",
    "subgroup leader: i32[24]",
    "workgroup slot: i32[24]",
    "for n < 2 workgroup.y",
    "  for zi < 4 local.y",
    "    for zj < 6 local.x",
    "      slot[zj + 6 * zi] = 0",
    "  for k < 2",
    "    for i < 4 local.y",
    "      for j < 6 local.x",
    "        slot[leader[6 * i + j]] += x[n, j + 6 * i] * (k + 1)",
    "  for t < 24",
    "    y[n] += slot[t] over t",
  ),
};

export const gridNames = Object.keys(gridKernels) as readonly GridKernel[];

/** Kernels that GPUs run without local loops in the schedule. */
export const plainKernels: Readonly<Record<"thread" | "unbound", string>> = {
  thread: kernel(
    "symbol N in 0..200",
    "input x: f32[N, 3]",
    "output y: f32[N]",
    "register t: f32[2]",
    "for n < N thread",
    "  for k < 3",
    "    y[n] += x[n, k] over k",
    "  for r < 2",
    "    t[r] = y[n] * f32(r)",
    "  y[n] = t[0] - t[1]",
  ),
  unbound: kernel(
    "input x: f32[5, 3]",
    "output y: f32[5]",
    "let two = 2.0",
    "for n < 5",
    "  for k < 3",
    "    y[n] += x[n, k] * two over k",
  ),
};
