/** Functions that a module declares where it needs them: operations on four bytes in a word. */
export type HelperName =
  | "bytes_add"
  | "bytes_sub"
  | "bytes_dot"
  | "pack_bytes"
  | "unpack_i8"
  | "unpack_u8"
  | "floats_i8"
  | "floats_u8";

interface Helper {
  readonly needs: readonly HelperName[];
  readonly text: string;
}

export const helpers: Readonly<Record<HelperName, Helper>> = {
  // without the top bits no sum carries into the next byte; the top bits are added apart, as xor
  bytes_add: {
    needs: [],
    text: `fn bytes_add(a: u32, b: u32) -> u32 {
  return ((a & 0x7f7f7f7fu) + (b & 0x7f7f7f7fu)) ^ ((a ^ b) & 0x80808080u);
}`,
  },
  // with the top bits set no difference borrows from the next byte
  bytes_sub: {
    needs: [],
    text: `fn bytes_sub(a: u32, b: u32) -> u32 {
  return ((a | 0x80808080u) - (b & 0x7f7f7f7fu)) ^ ((a ^ ~b) & 0x80808080u);
}`,
  },
  bytes_dot: {
    needs: ["unpack_i8"],
    text: `fn bytes_dot(a: u32, b: u32) -> i32 {
  return dot(unpack_i8(a), unpack_i8(b));
}`,
  },
  pack_bytes: {
    needs: [],
    text: `fn pack_bytes(v: vec4<u32>) -> u32 {
  let bytes = (v & vec4<u32>(255u)) << vec4<u32>(0u, 8u, 16u, 24u);
  return bytes.x | bytes.y | bytes.z | bytes.w;
}`,
  },
  unpack_i8: {
    needs: [],
    text: `fn unpack_i8(a: u32) -> vec4<i32> {
  return bitcast<vec4<i32>>(vec4<u32>(a) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u);
}`,
  },
  unpack_u8: {
    needs: [],
    text: `fn unpack_u8(a: u32) -> vec4<u32> {
  return (vec4<u32>(a) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(255u);
}`,
  },
  // each byte as the top one of a word: an integer times 2^24, which a float holds exactly
  floats_i8: {
    needs: [],
    text: `fn floats_i8(a: u32) -> vec4<f32> {
  let tops = (vec4<u32>(a) * vec4<u32>(0x1000000u, 0x10000u, 0x100u, 1u)) & vec4<u32>(0xff000000u);
  return vec4<f32>(bitcast<vec4<i32>>(tops)) * 0x1p-24f;
}`,
  },
  // each byte where it stands: an integer times a power of two
  floats_u8: {
    needs: [],
    text: `fn floats_u8(a: u32) -> vec4<f32> {
  let bytes = vec4<u32>(a) & vec4<u32>(0xffu, 0xff00u, 0xff0000u, 0xff000000u);
  return vec4<f32>(bytes) * vec4<f32>(1f, 0x1p-8f, 0x1p-16f, 0x1p-24f);
}`,
  },
};

/** The declarations of the helpers that a function calls, and of what they need, in the order of the table. */
export function helpersFor(text: string): readonly string[] {
  const all = new Set<HelperName>();
  const put = (name: HelperName): void => {
    all.add(name);
    helpers[name].needs.forEach(put);
  };
  const names = Object.keys(helpers) as HelperName[];
  for (const name of names) if (text.includes(`${name}(`)) put(name);
  return names.filter((name) => all.has(name)).map((name) => helpers[name].text);
}
