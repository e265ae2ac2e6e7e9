// The peers that the bench can measure, by name. Their packages are imported when a peer is first prepared.

import { BenchError } from "../errors.ts";
import { ortNode } from "./ort-node.ts";
import { ortWeb } from "./ort-web.ts";
import { ortWebgpu } from "./ort-webgpu.ts";
import type { Peer } from "./peer.ts";

export type { Peer, Session } from "./peer.ts";

export type PeerName = "ort-node" | "ort-web" | "ort-webgpu";

export const peers: Readonly<Record<PeerName, Peer>> = {
  "ort-node": ortNode,
  "ort-web": ortWeb,
  "ort-webgpu": ortWebgpu,
};

/** @throws BenchError listing the names when there is no such peer. */
export function peerNamed(name: string): Peer {
  if (Object.hasOwn(peers, name)) return peers[name as PeerName];
  throw new BenchError(`bench: no peer is named "${name}"; there are ${Object.keys(peers).join(", ")}`);
}
