// Tables as CSV (RFC 4180), so that a spreadsheet opens them.

type Cell = string | number | null | undefined;

function cell(value: Cell): string {
  const plain = value === null || value === undefined ? '' : String(value);
  // A text that begins like a formula would be run by spreadsheets; names come from elsewhere.
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(plain) ? `'${plain}` : plain;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csv(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

/** Gives the browser a text to keep as a file. */
export function download(name: string, content: Blob): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
