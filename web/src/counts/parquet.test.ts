import { parquetReadObjects } from 'hyparquet';
import { expect, it } from 'vitest';
import { parquet } from './parquet';

it('can be read again', async () => {
  const file = parquet([
    { camera: 'door', rule: 'Tür "1"', kind: 'line_crossed', direction: 'forward', class: 'person', count: 3, later: 1, start_ms: 1_795_262_400_000 },
    { camera: 'hall', rule: 'zone', kind: 'zone_left', count: 2, dwell_total_ms: 1500.5 },
  ]);
  expect(await parquetReadObjects({ file })).toMatchObject([
    { start: new Date(1_795_262_400_000), camera: 'door', rule: 'Tür "1"', direction: 'forward', class: 'person', count: 3n, later: 1n, dwell_total_ms: null },
    { start: null, camera: 'hall', kind: 'zone_left', direction: null, count: 2n, later: 0n, dwell_total_ms: 1500.5 },
  ]);
});
