// "Right" or "wrong": whether an event happened, said by somebody who has looked at it.

import { Badge, Button, Group, Kbd, Text } from '@mantine/core';
import { IconCheck, IconChevronLeft, IconChevronRight, IconThumbDown, IconThumbUp } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { OmmaEvent } from '../api/client';
import { useSession } from '../api/session';
import { putReviewed, putVerdict, trustChanged, type Verdict } from '../api/trust';
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
  event: OmmaEvent;
  steps: Steps | undefined;
  /** Whether it goes on to the next event once something was said of this one. */
  review: boolean;
  /** What is known of an event has changed. */
  changed: (id: string, change: Partial<OmmaEvent>) => void;
}

/** What others have said, for who may only look. */
function Said({ event: { verdict, reviewed } }: { event: OmmaEvent }) {
  const { t } = useTexts();
  return (
    <Group gap="xs" data-testid="said">
      {verdict === 'right' && <Badge variant="default" tt="none" leftSection={<IconThumbUp size={14} aria-hidden="true" />}>{t('verdict.right')}</Badge>}
      {verdict === 'wrong' && <Badge variant="default" tt="none" leftSection={<IconThumbDown size={14} aria-hidden="true" />}>{t('verdict.wrong')}</Badge>}
      {reviewed && <Badge variant="default" tt="none" leftSection={<IconCheck size={14} aria-hidden="true" />}>{t('review.done')}</Badge>}
    </Group>
  );
}

/** What somebody who judges can do, each with a button and a key. */
function useJudging({ event, steps, review, changed }: Props) {
  const { t } = useTexts();
  const client = useQueryClient();
  const { operate } = useSession();
  const verdict = event.verdict ?? undefined;
  const say = useMutation({
    mutationFn: async (said: Verdict) => {
      const wanted = said === verdict ? 'none' : said;
      await putVerdict(event.id, wanted);
      if (wanted !== 'none' && !event.reviewed) await putReviewed(event.id, true);
      return wanted;
    },
    onSuccess: (wanted) => {
      const known = wanted === 'none' ? null : wanted;
      changed(event.id, { verdict: known, ...(known ? { reviewed: true } : {}) });
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
    onError: (error) => failed(t('save.failed'), error),
  });
  const canJudge = operate && event.rule !== undefined && event.rule !== null;
  const judge = (said: Verdict) => {
    if (!canJudge || say.isPending) return undefined;
    // Who goes through all of them confirms what was said, and takes nothing back by that.
    return review && said === verdict && steps?.next ? steps.next : () => say.mutate(said);
  };
  const mark = !operate || look.isPending ? undefined : () => look.mutate(!event.reviewed);
  return { operate, canJudge, verdict, judge, mark };
}

export function VerdictBar(props: Props) {
  const { t } = useTexts();
  const { event, steps } = props;
  const { operate, canJudge, verdict, judge, mark } = useJudging(props);
  useShortcuts({ r: judge('right'), w: judge('wrong'), f: judge('wrong'), m: mark });
  return (
    <Group gap="xs" justify="space-between" data-testid="verdict-bar" data-verdict={verdict ?? 'none'}>
      {!operate && <Said event={event} />}
      {operate && (
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
          <Button
            size="sm" variant={event.reviewed ? 'light' : 'default'} aria-pressed={event.reviewed ?? false} aria-keyshortcuts="m"
            leftSection={<IconCheck size={18} />} rightSection={<Kbd size="xs" aria-hidden="true">M</Kbd>} onClick={mark} data-testid="reviewed"
          >
            {t('review.mark')}
          </Button>
        </Group>
      )}
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
