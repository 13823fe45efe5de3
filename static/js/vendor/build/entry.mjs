// What Lintel uses of ts-mls, and no more. Named one by one from their own modules: the package's index draws in a second
// cryptographic provider that no browser of ours needs. processMessage and decodeRatchetTree are for the working group's vectors.
export { defaultClientConfig } from "ts-mls/clientConfig.js";
export { createGroup, joinGroup, makePskIndex } from "ts-mls/clientState.js";
export { createCommit } from "ts-mls/createCommit.js";
export { createApplicationMessage } from "ts-mls/createMessage.js";
export { getCiphersuiteFromName } from "ts-mls/crypto/ciphersuite.js";
export { getCiphersuiteImpl } from "ts-mls/crypto/getCiphersuiteImpl.js";
export { generateKeyPackageWithKey, makeKeyPackageRef } from "ts-mls/keyPackage.js";
export { mlsExporter } from "ts-mls/keySchedule.js";
export { decodeMlsMessage, encodeMlsMessage } from "ts-mls/message.js";
export { unprotectPrivateMessage } from "ts-mls/messageProtection.js";
export { processMessage, processPrivateMessage } from "ts-mls/processMessages.js";
export { emptyPskIndex } from "ts-mls/pskIndex.js";
export { decodeRatchetTree } from "ts-mls/ratchetTree.js";
export { zeroOutUint8Array } from "ts-mls/util/byteArray.js";
