// Counts as a Parquet file, for those who go on with them in a program. Loaded only when somebody
// asks for one.

import { parquetWriteBuffer } from 'hyparquet-writer';
import type { Row } from '../lib/counts';

export function parquet(rows: readonly Row[]): ArrayBuffer {
  const text = (pick: (row: Row) => string | null | undefined) => rows.map((row) => pick(row) ?? undefined);
  return parquetWriteBuffer({
    columnData: [
      { name: 'start', type: 'TIMESTAMP', nullable: true, data: rows.map(({ start_ms }) => (typeof start_ms === 'number' ? new Date(start_ms) : undefined)) },
      { name: 'camera', type: 'STRING', data: rows.map(({ camera }) => camera) },
      { name: 'rule', type: 'STRING', data: rows.map(({ rule }) => rule) },
      { name: 'kind', type: 'STRING', data: rows.map(({ kind }) => kind) },
      { name: 'direction', type: 'STRING', nullable: true, data: text(({ direction }) => direction) },
      { name: 'class', type: 'STRING', nullable: true, data: text((row) => row.class) },
      { name: 'count', type: 'INT64', data: rows.map(({ count }) => BigInt(count)) },
      { name: 'later', type: 'INT64', data: rows.map(({ later }) => BigInt(later ?? 0)) },
      { name: 'dwell_total_ms', type: 'DOUBLE', nullable: true, data: rows.map(({ dwell_total_ms }) => dwell_total_ms ?? undefined) },
    ],
  });
}
