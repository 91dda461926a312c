import type { IdentityPlan } from '../contract/deploy.contract.ts';

/** @returns the key of the sentence that says what becomes of a guest's identity, and why */
export const identityPlanKey = ({ because, becomes }: IdentityPlan): string =>
  `identityPlan.${because === 'asked' ? `asked-${becomes}` : because}`;
