export function policyDocument(): string;
export function isPolicyDocumentCurrent(): boolean;
