export function kindsTable(): string;
export function withTable(text: string): string;
export function schemaText(): string;
