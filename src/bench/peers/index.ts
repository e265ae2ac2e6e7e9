// The peers that the bench can measure, by name. Their packages are imported when a peer is first prepared.

import type { AttentionCase } from "../attention-case.ts";
import type { MatmulCase } from "../case.ts";
import { BenchError } from "../errors.ts";
import { attentionOn } from "./attention.ts";
import { matMulNBits } from "./matmul.ts";
import { ortNode } from "./ort-node.ts";
import { ortWeb } from "./ort-web.ts";
import { ortWebgpu } from "./ort-webgpu.ts";
import type { Peer } from "./peer.ts";

export type { Peer, Session } from "./peer.ts";

export type PeerName = "ort-node" | "ort-web" | "ort-webgpu";

/** Peers of matmuls. */
export const peers: Readonly<Record<PeerName, Peer<MatmulCase>>> = {
  "ort-node": matMulNBits(ortNode),
  "ort-web": matMulNBits(ortWeb),
  "ort-webgpu": matMulNBits(ortWebgpu),
};

/** Peers of attention: whoever has several operators that compute it is several. */
export const attentionPeers: Readonly<Record<PeerName, readonly Peer<AttentionCase>[]>> = {
  "ort-node": [attentionOn(ortNode, "GroupQueryAttention"), attentionOn(ortNode, "Attention")],
  "ort-web": [attentionOn(ortWeb, "GroupQueryAttention"), attentionOn(ortWeb, "Attention")],
  "ort-webgpu": [attentionOn(ortWebgpu, "GroupQueryAttention")],
};

/** @throws BenchError listing the names when there is no such peer among these. */
export function peerNamed<P>(name: string, among: Readonly<Record<string, P>>): P {
  const found = Object.hasOwn(among, name) ? among[name] : undefined;
  if (found !== undefined) return found;
  throw new BenchError(`bench: no peer is named "${name}"; there are ${Object.keys(among).join(", ")}`);
}
