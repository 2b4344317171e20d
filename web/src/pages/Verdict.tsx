// "Right" or "wrong": whether an event happened, said by somebody who has looked at it.

import { Button, Group, Kbd, Text } from '@mantine/core';
import { IconCheck, IconChevronLeft, IconChevronRight, IconThumbDown, IconThumbUp } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, ask } from '../api/client';
import { isUnknown, putReviewed, putVerdict, trustChanged, type ReviewedEvent, type Verdict } from '../api/trust';
import { useTexts } from '../i18n';
import { failed } from '../ui/notify';
import { useShortcuts } from '../ui/shortcuts';

/** Where one is among the events of a list. */
export interface Steps {
  /** From 1 on. */
  place: number;
  count: number;
  previous: (() => void) | undefined;
  next: (() => void) | undefined;
}

interface Props {
  event: ReviewedEvent;
  steps: Steps | undefined;
  /** Whether it goes on to the next event once something was said of this one. */
  review: boolean;
  /** What is known of an event has changed. */
  changed: (id: string, change: Partial<ReviewedEvent>) => void;
}

export function VerdictBar({ event, steps, review, changed }: Props) {
  const { t } = useTexts();
  const client = useQueryClient();
  const canJudge = event.rule !== undefined && event.rule !== null;
  // Servers that do not tell it with the event tell it by itself.
  const asked = useQuery({
    queryKey: ['verdict', event.id],
    queryFn: ({ signal }) => ask(api.GET('/api/v1/events/{id}/verdict', { params: { path: { id: event.id } }, signal })),
    enabled: canJudge && event.verdict === undefined,
  });
  const verdict = event.verdict ?? asked.data?.verdict ?? undefined;
  const canMark = typeof event.reviewed === 'boolean';

  const unknown = canJudge && event.verdict === undefined && asked.isPending;

  const say = useMutation({
    mutationFn: async (said: Verdict) => {
      const wanted = said === verdict ? 'none' : said;
      await putVerdict(event.id, wanted);
      if (wanted !== 'none' && event.reviewed === false) await putReviewed(event.id, true);
      return wanted;
    },
    onSuccess: (wanted) => {
      const known = wanted === 'none' ? null : wanted;
      client.setQueryData(['verdict', event.id], { verdict: known ?? undefined });
      changed(event.id, { verdict: known, ...(known && canMark ? { reviewed: true } : {}) });
      void trustChanged(client);
      if (review && known) steps?.next?.();
    },
    onError: (error) => failed(t('save.failed'), error),
  });
  const look = useMutation({
    mutationFn: async (reviewed: boolean) => {
      await putReviewed(event.id, reviewed);
      return reviewed;
    },
    onSuccess: (reviewed) => {
      changed(event.id, { reviewed });
      if (review && reviewed) steps?.next?.();
    },
    onError: (error) => failed(t('save.failed'), isUnknown(error) ? new Error(t('review.unknown')) : error),
  });
  const judge = (said: Verdict) => {
    if (!canJudge || unknown || say.isPending) return undefined;
    // Who goes through all of them confirms what was said, and takes nothing back by that.
    return review && said === verdict && steps?.next ? steps.next : () => say.mutate(said);
  };
  const mark = !canMark || look.isPending ? undefined : () => look.mutate(!event.reviewed);
  useShortcuts({
    r: judge('right'), w: judge('wrong'), f: judge('wrong'), m: mark,
    j: steps?.next, ArrowRight: steps?.next, k: steps?.previous, ArrowLeft: steps?.previous,
  });
  return (
    <Group gap="xs" justify="space-between" data-testid="verdict-bar" data-verdict={unknown ? 'unknown' : verdict ?? 'none'}>
      <Group gap="xs">
        {canJudge && (
          <>
            <Button
              size="sm" color="green.9" variant={verdict === 'right' ? 'filled' : 'outline'} aria-pressed={verdict === 'right'} aria-keyshortcuts="r"
              leftSection={<IconThumbUp size={18} />} rightSection={<Kbd size="xs" aria-hidden="true">R</Kbd>} onClick={judge('right')} data-testid="right"
              c={verdict === 'right' ? 'white' : 'var(--mantine-color-text)'}
            >
              {t('verdict.right')}
            </Button>
            <Button
              size="sm" color="red.9" variant={verdict === 'wrong' ? 'filled' : 'outline'} aria-pressed={verdict === 'wrong'} aria-keyshortcuts="w f"
              leftSection={<IconThumbDown size={18} />} rightSection={<Kbd size="xs" aria-hidden="true">{t('verdict.wrong.key')}</Kbd>} onClick={judge('wrong')} data-testid="wrong"
              c={verdict === 'wrong' ? 'white' : 'var(--mantine-color-text)'}
            >
              {t('verdict.wrong')}
            </Button>
          </>
        )}
        {canMark && (
          <Button
            size="sm" variant={event.reviewed ? 'light' : 'default'} aria-pressed={event.reviewed ?? false} aria-keyshortcuts="m"
            leftSection={<IconCheck size={18} />} rightSection={<Kbd size="xs" aria-hidden="true">M</Kbd>} onClick={mark} data-testid="reviewed"
          >
            {t('review.mark')}
          </Button>
        )}
      </Group>
      {steps && (
        <Group gap={4}>
          <Button size="sm" variant="subtle" color="gray" px="xs" disabled={!steps.previous} onClick={steps.previous} aria-label={t('review.previous')} aria-keyshortcuts="k"><IconChevronLeft size={20} /></Button>
          <Text size="sm" c="dimmed" data-testid="place">{t('review.place', { place: steps.place, count: steps.count })}</Text>
          <Button size="sm" variant="subtle" color="gray" px="xs" disabled={!steps.next} onClick={steps.next} aria-label={t('review.next')} aria-keyshortcuts="j"><IconChevronRight size={20} /></Button>
        </Group>
      )}
    </Group>
  );
}
