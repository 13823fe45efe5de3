// The part of ts-mls that static/js/e2ee/group.js touches. Everything else of a state is its own business.

export interface LeafNode {
  hpkePublicKey: Uint8Array;
  signaturePublicKey: Uint8Array;
  credential: { credentialType: string; identity: Uint8Array };
  capabilities: Record<string, unknown[]>;
  extensions: unknown[];
}
export type Node = { nodeType: "leaf"; leaf: LeafNode } | { nodeType: "parent"; parent: unknown } | undefined;
export interface EpochData {
  secretTree: unknown;
  ratchetTree: Node[];
  senderDataSecret: Uint8Array;
  groupContext: GroupContext;
  resumptionPsk: Uint8Array;
}
export interface GroupContext {
  groupId: Uint8Array;
  epoch: bigint;
  cipherSuite: string;
  extensions: unknown[];
}
export interface ClientState {
  ratchetTree: Node[];
  groupContext: GroupContext;
  privatePath: { leafIndex: number };
  keySchedule: { exporterSecret: Uint8Array; epochAuthenticator: Uint8Array; senderDataSecret: Uint8Array };
  secretTree: unknown;
  historicalReceiverData: Map<bigint, EpochData>;
  groupActiveState: { kind: "active" | "removedFromGroup" | "suspendedPendingReinit" };
  clientConfig: ClientConfig;
}
export interface KeyPackage {
  version: string;
  cipherSuite: string;
  initKey: Uint8Array;
  leafNode: LeafNode;
  extensions: unknown[];
  signature: Uint8Array;
}
export interface PrivateKeyPackage {
  initPrivateKey: Uint8Array;
  hpkePrivateKey: Uint8Array;
  signaturePrivateKey: Uint8Array;
}
export interface PrivateMessage {
  groupId: Uint8Array;
  epoch: bigint;
  contentType: "application" | "commit" | "proposal";
  authenticatedData: Uint8Array;
}
export interface Proposal {
  proposalType: string | number;
  add?: { keyPackage: KeyPackage };
  remove?: { removed: number };
  psk?: { preSharedKeyId: PskId };
}
export interface PskId {
  psktype: string;
  pskId?: Uint8Array;
  pskNonce?: Uint8Array;
}
export interface PskIndex {
  findPsk(id: PskId): Uint8Array | undefined;
}
export type MlsMessage = { version: "mls10" } & (
  | { wireformat: "mls_private_message"; privateMessage: PrivateMessage }
  | { wireformat: "mls_public_message"; publicMessage: unknown }
  | { wireformat: "mls_welcome"; welcome: Welcome }
  | { wireformat: "mls_group_info"; groupInfo: unknown }
  | { wireformat: "mls_key_package"; keyPackage: KeyPackage }
);
export interface CiphersuiteImpl {
  name: string;
  signature: {
    sign(key: Uint8Array, message: Uint8Array): Promise<Uint8Array>;
    verify(key: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
  };
  [part: string]: unknown;
}
export interface ClientConfig {
  authService: { validateCredential(credential: LeafNode["credential"], key: Uint8Array): Promise<boolean> };
  keyRetentionConfig: { retainKeysForGenerations: number; retainKeysForEpochs: number; maximumForwardRatchetSteps: number };
  [part: string]: unknown;
}
export interface IncomingCommit {
  kind: "commit" | "proposal";
  senderLeafIndex?: number;
  proposals: { proposal: Proposal; senderLeafIndex?: number }[];
}

export const defaultClientConfig: ClientConfig;
export const emptyPskIndex: PskIndex;
export function makePskIndex(state: ClientState | undefined, external: Record<string, Uint8Array>): PskIndex;
export function createGroup(id: Uint8Array, pub: KeyPackage, priv: PrivateKeyPackage, extensions: unknown[], cs: CiphersuiteImpl, config: ClientConfig): Promise<ClientState>;
export function joinGroup(welcome: unknown, pub: KeyPackage, priv: PrivateKeyPackage, psks: PskIndex, cs: CiphersuiteImpl, tree: undefined, resumed: undefined, config: ClientConfig): Promise<ClientState>;
export interface Welcome {
  secrets: { newMember: Uint8Array }[];
}
export function createCommit(
  context: { state: ClientState; cipherSuite: CiphersuiteImpl; pskIndex?: PskIndex },
  options: { extraProposals?: Proposal[]; ratchetTreeExtension?: boolean; authenticatedData?: Uint8Array },
): Promise<{ newState: ClientState; welcome?: Welcome; commit: MlsMessage; consumed: Uint8Array[] }>;
export function createApplicationMessage(
  state: ClientState,
  message: Uint8Array,
  cs: CiphersuiteImpl,
  authenticatedData?: Uint8Array,
): Promise<{ newState: ClientState; privateMessage: PrivateMessage; consumed: Uint8Array[] }>;
export function processPrivateMessage(
  state: ClientState,
  message: PrivateMessage,
  psks: PskIndex,
  cs: CiphersuiteImpl,
  callback: (incoming: IncomingCommit) => "accept" | "reject",
): Promise<{ kind: "newState" | "applicationMessage"; newState: ClientState; actionTaken?: "accept" | "reject"; consumed: Uint8Array[] }>;
export function processMessage(message: MlsMessage, state: ClientState, psks: PskIndex, callback: (incoming: IncomingCommit) => "accept" | "reject", cs: CiphersuiteImpl): Promise<{ newState: ClientState }>;
export function unprotectPrivateMessage(
  senderDataSecret: Uint8Array,
  message: PrivateMessage,
  secretTree: unknown,
  ratchetTree: Node[],
  context: GroupContext,
  retention: ClientConfig["keyRetentionConfig"],
  cs: CiphersuiteImpl,
): Promise<{
  tree: unknown;
  consumed: Uint8Array[];
  content: { content: { contentType: string; sender: { senderType: string; leafIndex: number }; authenticatedData: Uint8Array; applicationData?: Uint8Array } };
}>;
export function generateKeyPackageWithKey(
  credential: LeafNode["credential"],
  capabilities: Record<string, unknown[]>,
  lifetime: { notBefore: bigint; notAfter: bigint },
  extensions: unknown[],
  keys: { signKey: Uint8Array; publicKey: Uint8Array },
  cs: CiphersuiteImpl,
): Promise<{ publicPackage: KeyPackage; privatePackage: PrivateKeyPackage }>;
export function makeKeyPackageRef(pub: KeyPackage, hash: unknown): Promise<Uint8Array>;
export function mlsExporter(secret: Uint8Array, label: string, context: Uint8Array, length: number, cs: CiphersuiteImpl): Promise<Uint8Array<ArrayBuffer>>;
export function getCiphersuiteFromName(name: string): unknown;
export function getCiphersuiteImpl(suite: unknown): Promise<CiphersuiteImpl>;
export function decodeMlsMessage(bytes: Uint8Array, at: number): [MlsMessage, number] | undefined;
export function encodeMlsMessage(message: MlsMessage): Uint8Array;
export function zeroOutUint8Array(bytes: Uint8Array): void;
