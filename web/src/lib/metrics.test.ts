import { expect, it } from 'vitest';
import { parseMetrics, quantile, sum, values } from './metrics';

const TEXT = `# HELP a b
# TYPE omma_frames_dropped_total counter
omma_frames_dropped_total{camera="door",reason="view_busy"} 3
omma_frames_dropped_total{camera="yard",reason="view_busy"} 4
omma_frames_dropped_total{camera="yard",reason="corrupt"} 1
omma_odd{camera="a\\"b\\nc"} 1.5e3
omma_process_memory_bytes 12345
nonsense
`;

it('reads what Prometheus reads', () => {
  const samples = parseMetrics(TEXT);
  expect(samples).toHaveLength(5);
  expect(sum(samples, 'omma_frames_dropped_total', { reason: 'view_busy' })).toBe(7);
  expect(values(samples, 'omma_frames_dropped_total', 'reason')).toEqual(['view_busy', 'corrupt']);
  expect(samples[3]).toEqual({ name: 'omma_odd', labels: { camera: 'a"b\nc' }, value: 1500 });
  expect(sum(samples, 'omma_process_memory_bytes')).toBe(12345);
  expect(sum(samples, 'none')).toBe(0);
});

it('most lies below what the buckets say', () => {
  const samples = parseMetrics([
    't_bucket{le="0.1",stage="a",camera="x"} 5', 't_bucket{le="0.2",stage="a",camera="x"} 10', 't_bucket{le="+Inf",stage="a",camera="x"} 10',
    't_bucket{le="0.1",stage="a",camera="y"} 5', 't_bucket{le="0.2",stage="a",camera="y"} 9', 't_bucket{le="+Inf",stage="a",camera="y"} 10',
  ].join('\n'));
  expect(quantile(samples, 't', 0.5, { stage: 'a' })).toBeCloseTo(0.1);
  expect(quantile(samples, 't', 0.75, { stage: 'a', camera: 'x' })).toBeCloseTo(0.15);
  expect(quantile(samples, 't', 0.99, { stage: 'a', camera: 'y' })).toBeUndefined();
  expect(quantile(samples, 't', 0.5, { stage: 'b' })).toBeUndefined();
});
