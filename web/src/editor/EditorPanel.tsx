// What stands beside the picture while lines and zones are drawn: what there is, what the chosen
// one counts, and saving, which tells when somebody else was faster.

import { ActionIcon, Alert, Button, Card, Group, NavLink, SegmentedControl, Stack, TagsInput, Text, TextInput, Title, Tooltip } from '@mantine/core';
import { IconArrowBackUp, IconArrowForwardUp, IconArrowsExchange, IconLine, IconPolygon, IconTrash } from '@tabler/icons-react';
import { useState, type ReactNode } from 'react';
import { useTexts } from '../i18n';
import { parseDuration } from '../lib/time';
import { remove, rename, set, turn, type Attempt, type Change, type Draft, type Kind, type Place, type Refusal } from './draft';

/** What detectors commonly tell apart; anything else can be written. */
const CLASSES = ['person', 'bicycle', 'car', 'motorcycle', 'bus', 'truck', 'dog'];

interface Props {
  draft: Draft;
  selected: Place | undefined;
  drawing: Kind | undefined;
  refused: Refusal | undefined;
  attempt: Attempt | undefined;
  canUndo: boolean;
  canRedo: boolean;
  dirty: boolean;
  saving: boolean;
  /** Somebody else has saved meanwhile. */
  conflict: boolean;
  select: (place: Place | undefined) => void;
  draw: (kind: Kind | undefined) => void;
  change: (change: Change, merge: boolean) => void;
  undo: () => void;
  redo: () => void;
  save: () => void;
  overwrite: () => void;
  takeTheirs: () => void;
  close: () => void;
  /** What the past says of it. */
  children?: ReactNode;
}

function Name({ draft, place, change }: { draft: Draft; place: Place; change: Props['change'] }) {
  const { t } = useTexts();
  const [text, setText] = useState(place.name);
  const outcome = rename(draft, place, text);
  const commit = () => {
    if (!('refused' in outcome)) change(outcome, false);
  };
  return (
    <TextInput
      label={t('name')}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(event) => event.key === 'Enter' && commit()}
      error={'refused' in outcome ? t(`refused.${outcome.refused}`) : undefined}
    />
  );
}

function Dwell({ value, onChange }: { value: string; onChange: (value: string | null) => void }) {
  const { t } = useTexts();
  const [text, setText] = useState(value);
  const bad = text !== '' && parseDuration(text) === undefined;
  return (
    <TextInput
      label={t('editor.dwell')}
      description={t('editor.dwell.help')}
      placeholder="10s"
      value={text}
      error={bad ? t('duration.bad') : undefined}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={() => !bad && text !== value && onChange(text === '' ? null : text)}
    />
  );
}

function Details({ draft, place, change }: { draft: Draft; place: Place; change: Props['change'] }) {
  const { t } = useTexts();
  const shape = place.kind === 'line' ? draft.lines[place.name] : draft.zones[place.name];
  if (!shape) return null;
  const give = (next: Draft) => change({ draft: next, at: place }, false);
  return (
    <Stack gap="sm">
      <Name key={place.name} draft={draft} place={place} change={change} />
      <TagsInput
        label={t('editor.classes')}
        description={t('editor.classes.help')}
        data={CLASSES}
        value={shape.classes ?? []}
        onChange={(chosen) => give(set(draft, place, { classes: chosen.length > 0 ? chosen : null }))}
      />
      <div>
        <Text size="sm" fw={500} id="anchor">{t('editor.anchor')}</Text>
        <SegmentedControl
          fullWidth
          size="xs"
          aria-labelledby="anchor"
          value={shape.anchor ?? 'foot'}
          onChange={(anchor) => give(set(draft, place, { anchor: anchor === 'foot' ? null : anchor }))}
          data={[{ value: 'foot', label: t('editor.anchor.foot') }, { value: 'center', label: t('editor.anchor.center') }]}
        />
      </div>
      {place.kind === 'zone' && (
        <Dwell key={`${place.name} dwell`} value={draft.zones[place.name]?.dwell ?? ''} onChange={(dwell) => give(set(draft, place, { dwell }))} />
      )}
      <Group gap="xs">
        {place.kind === 'line' && (
          <Button size="xs" variant="light" leftSection={<IconArrowsExchange size={16} />} onClick={() => change(turn(draft, place.name), false)}>
            {t('editor.turn')}
          </Button>
        )}
        <Button size="xs" variant="light" color="red" leftSection={<IconTrash size={16} />} onClick={() => change({ draft: remove(draft, place) }, false)}>
          {t('remove')}
        </Button>
      </Group>
    </Stack>
  );
}

/** Why a change was not made; of crossing edges, which ones. */
function Refused({ refused, attempt }: { refused: Refusal; attempt: Attempt | undefined }) {
  const { t } = useTexts();
  const count = attempt?.polygon.length ?? 0;
  const [a, b] = attempt?.edges ?? [0, 0];
  const corner = (index: number) => (index % count) + 1;
  return (
    <Alert color="orange" mt="xs" title={t(`refused.${refused}`)} data-testid="refused">
      {attempt && t('refused.edges', { a: a + 1, a1: corner(a), a2: corner(a + 1), b: b + 1, b1: corner(b), b2: corner(b + 1) })}
    </Alert>
  );
}

export function EditorPanel(props: Props) {
  const { t } = useTexts();
  const { draft, selected, drawing, refused, conflict } = props;
  const places: Place[] = [
    ...Object.keys(draft.lines).map((name): Place => ({ kind: 'line', name })),
    ...Object.keys(draft.zones).map((name): Place => ({ kind: 'zone', name })),
  ];
  const add = (kind: Kind, Icon: typeof IconLine) => (
    <Button
      size="xs"
      variant={drawing === kind ? 'filled' : 'light'}
      aria-pressed={drawing === kind}
      leftSection={<Icon size={16} />}
      onClick={() => props.draw(drawing === kind ? undefined : kind)}
    >
      {t(`editor.add.${kind}`)}
    </Button>
  );
  return (
    <Card>
      <Stack gap="md">
        <Group justify="space-between" wrap="nowrap">
          <Title order={2}>{t('editor.title')}</Title>
          <Group gap={2} wrap="nowrap">
            <Tooltip label={t('undo')}>
              <ActionIcon aria-label={t('undo')} disabled={!props.canUndo} onClick={props.undo}><IconArrowBackUp size={20} /></ActionIcon>
            </Tooltip>
            <Tooltip label={t('redo')}>
              <ActionIcon aria-label={t('redo')} disabled={!props.canRedo} onClick={props.redo}><IconArrowForwardUp size={20} /></ActionIcon>
            </Tooltip>
          </Group>
        </Group>
        <Group gap="xs">{add('line', IconLine)}{add('zone', IconPolygon)}</Group>
        <div role="status" aria-live="polite">
          {drawing && <Text size="sm">{t(`editor.how.${drawing}`)}</Text>}
          {refused && <Refused refused={refused} attempt={props.attempt} />}
          {!drawing && !refused && <Text size="sm" c="dimmed">{t(places.length > 0 ? 'editor.help' : 'editor.empty')}</Text>}
        </div>
        <div>
          {places.map((place) => (
            <NavLink
              key={`${place.kind} ${place.name}`}
              component="button"
              label={place.name}
              leftSection={place.kind === 'line' ? <IconLine size={18} /> : <IconPolygon size={18} />}
              active={selected?.kind === place.kind && selected.name === place.name}
              onClick={() => props.select(place)}
              style={{ borderRadius: 'var(--mantine-radius-md)' }}
            />
          ))}
        </div>
        {selected && <Details draft={draft} place={selected} change={props.change} />}
        {props.children}
        {conflict && (
          <Alert color="red" title={t('conflict.title')} role="alert" data-testid="conflict">
            <Text size="sm" mb="xs">{t('conflict.text')}</Text>
            <Group gap="xs">
              <Button size="xs" onClick={props.takeTheirs}>{t('conflict.theirs')}</Button>
              <Button size="xs" color="red" variant="outline" onClick={props.overwrite}>{t('conflict.overwrite')}</Button>
            </Group>
          </Alert>
        )}
        <Group gap="xs" grow>
          <Button variant="default" onClick={props.close}>{t(props.dirty ? 'discard' : 'close')}</Button>
          <Button onClick={props.save} disabled={!props.dirty || conflict} loading={props.saving} data-testid="save">{t('save')}</Button>
        </Group>
      </Stack>
    </Card>
  );
}
