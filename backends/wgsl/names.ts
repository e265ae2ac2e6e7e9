/** WGSL identifiers for IR names: what may stand in one, what is taken by the language, and collisions. */

/** Words that WGSL keeps for itself (keywords and reserved words of its specification, section 16). */
const reserved =
  `alias break case const const_assert continue continuing default diagnostic discard else enable false fn for if let loop override requires
return struct switch true var while NULL Self abstract active alignas alignof as asm asm_fragment async attribute auto await become cast catch
class co_await co_return co_yield coherent column_major common compile compile_fragment concept const_cast consteval constexpr constinit
crate debugger decltype delete demote demote_to_helper do dynamic_cast enum explicit export extends extern external fallthrough filter final
finally friend from fxgroup get goto groupshared highp impl implements import inline instanceof interface layout lowp macro macro_rules match
mediump meta mod module move mut mutable namespace new nil noexcept noinline nointerpolation non_coherent noncoherent noperspective null nullptr
of operator package packoffset partial pass patch pixelfragment precise precision premerge priv protected pub public readonly ref regardless
register reinterpret_cast require resource restrict self set shared sizeof smooth snorm static static_assert static_cast std subroutine super
target template this thread_local throw trait try type typedef typeid typename typeof union unless unorm unsafe unsized use using varying
virtual volatile wgsl where with writeonly yield`.split(/\s+/);

/** Names that WGSL declares and that code of ours uses, or could: no name of a kernel may hide them. */
const predeclared =
  `array atomic bool f16 f32 i32 u32 vec2 vec3 vec4 ptr abs all any atomicAnd atomicLoad atomicOr atomicStore bitcast ceil clamp
countOneBits dot dot4I8Packed extractBits f32 floor fma function insertBits main max min pack4xI8 private read read_write round select sign
sqrt storage storageBarrier subgroupAdd subgroupElect subgroupMax subgroupMin trunc uniform unpack4xI8 unpack4xU8 workgroup workgroupBarrier
args Args workgroup_id local_id local_index`.split(/\s+/);

/** Gives an identifier made from `wish` that no other wish has got; the same wishes in the same order give the same identifiers. */
export type Identifiers = (wish: string) => string;

/** Identifiers of one module, apart from `taken`. */
export function identifiers(taken: Iterable<string>): Identifiers {
  const used = new Set([...reserved, ...predeclared, ...taken]);
  const next = new Map<string, number>();
  return (wish) => {
    const base = identifierOf(wish);
    let name = base;
    for (let i = next.get(base) ?? 1; used.has(name); i++) {
      name = `${base}_${i}`;
      next.set(base, i + 1);
    }
    used.add(name);
    return name;
  };
}

/** Letters, digits and `_`, beginning with a letter, with no `__`. */
function identifierOf(wish: string): string {
  const plain = wish.replace(/\W+/g, "_").replace(/_{2,}/g, "_").replace(/^_+/, "");
  return /^[A-Za-z]/.test(plain) ? plain : `v_${plain}`;
}
