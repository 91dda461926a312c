/** Boot proofs: how a machine is started, what it showed and said. */
export { default as BootChain } from './BootChain.vue';
export { default as BootPanel } from './BootPanel.vue';
export { default as BootPicture } from './BootPicture.vue';
export { default as BootEvidence } from './BootEvidence.vue';
export { default as BootVerdict } from './BootVerdict.vue';
export { default as KeptProof } from './KeptProof.vue';
export { default as ProofChoice } from './ProofChoice.vue';
export { bootPictureOf } from './attachments.ts';
export { newProof, proofSaid, type ProofForm } from './proof-form.ts';
