// The configuration that is in force, where each value comes from, and the check of another one
// before it is used.

import { Alert, Badge, Button, Card, CopyButton, Group, SegmentedControl, Stack, Table, Text, Textarea, TextInput } from '@mantine/core';
import { IconAlertTriangle, IconCheck } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { configQuery } from '../api/admin';
import { api, ask, type Schemas } from '../api/client';
import { useTexts } from '../i18n';
import { lineSpan } from '../lib/lines';
import { plain } from '../lib/logs';
import { SystemPage } from '../shell/SystemPage';
import { useDoing } from '../ui/Dialog';
import { Failed, PageLoading } from '../ui/States';

type Shown = Schemas['ConfigShown'];
type Verdict = Schemas['ConfigVerdict'];
type Remark = Schemas['ConfigRemark'];

const COLORS: Record<string, string> = { file: '#1864ab', environment: '#7a3e9d', api: '#b03d08', start: '#1f7a34', default: '#565e66' };
const FROMS = ['file', 'environment', 'api', 'start', 'default'] as const;

function Values({ values }: { values: Shown['values'] }) {
  const { t, word } = useTexts();
  const [text, setText] = useState('');
  const [from, setFrom] = useState('all');
  const wanted = text.trim().toLowerCase();
  const rows = values.filter((value) => (from === 'all' || value.from === from) && `${value.key} ${plain(value.value)}`.toLowerCase().includes(wanted));
  const there = FROMS.filter((word) => values.some((value) => value.from === word));
  return (
    <>
      <Group mb="sm" align="end">
        <TextInput label={t('logs.text')} value={text} onChange={(event) => setText(event.currentTarget.value)} />
        <SegmentedControl aria-label={t('config.from')} value={from} onChange={setFrom} data={[{ value: 'all', label: t('all') }, ...there.map((value) => ({ value, label: word('from', value) }))]} style={{ maxWidth: '100%', overflowX: 'auto' }} />
      </Group>
      <Card p={0}>
        <Table.ScrollContainer minWidth={480} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
          <Table horizontalSpacing="sm" data-testid="values">
            <Table.Thead><Table.Tr><Table.Th>{t('config.key')}</Table.Th><Table.Th>{t('config.value')}</Table.Th><Table.Th>{t('config.from')}</Table.Th></Table.Tr></Table.Thead>
            <Table.Tbody>
              {rows.map((value) => (
                <Table.Tr key={value.key}>
                  <Table.Td ff="monospace" fz="sm" style={{ overflowWrap: 'anywhere' }}>{value.key}</Table.Td>
                  <Table.Td ff="monospace" fz="sm" style={{ overflowWrap: 'anywhere' }}>{plain(value.value)}</Table.Td>
                  <Table.Td><Badge size="sm" tt="none" variant="filled" color={COLORS[value.from] ?? '#565e66'}>{word('from', value.from)}</Badge></Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      </Card>
    </>
  );
}

function Remarks({ remarks, go }: { remarks: Remark[]; go: (line: number) => void }) {
  const { t } = useTexts();
  return (
    <ul style={{ margin: 0, paddingLeft: '1.2rem' }}>
      {remarks.map(({ line, key, message, hint }) => (
        <li key={`${line} ${key} ${message}`}>
          {typeof line === 'number' && <Button variant="default" size="compact-xs" mr={6} onClick={() => go(line)}>{t('config.line', { line })}</Button>}
          {key && <><code>{key}</code>: </>}{message}
          {hint && <Text size="sm" c="dimmed">{hint}</Text>}
        </li>
      ))}
    </ul>
  );
}

function Check({ initial }: { initial: string }) {
  const { t } = useTexts();
  const [text, setText] = useState(initial);
  const [verdict, setVerdict] = useState<Verdict>();
  const area = useRef<HTMLTextAreaElement>(null);
  const { busy, error, run } = useDoing();
  const check = () => run(async () => setVerdict(await ask(api.POST('/api/v1/config/check', { body: { text } }))));
  const go = (line: number) => {
    const element = area.current;
    if (!element) return;
    element.focus();
    element.setSelectionRange(...lineSpan(element.value, line));
  };
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">{t('config.check.help')}</Text>
      <Textarea ref={area} label={t('config.text')} value={text} onChange={(event) => { setText(event.currentTarget.value); setVerdict(undefined); }} rows={22} styles={{ input: { fontFamily: 'monospace', fontSize: 13 } }} spellCheck={false} data-testid="config-text" />
      {error && <Failed error={error} />}
      <div aria-live="polite">
        {verdict && (
          <Stack gap="xs" data-testid="verdict" data-valid={verdict.valid}>
            {verdict.valid
              ? <Alert color="teal" icon={<IconCheck />} title={t('config.valid')} />
              : <Alert color="red" icon={<IconAlertTriangle />} title={t('config.invalid')}><Remarks remarks={verdict.problems} go={go} /></Alert>}
            {verdict.warnings.length > 0 && <Alert color="yellow" title={t('config.warnings')}><Remarks remarks={verdict.warnings} go={go} /></Alert>}
          </Stack>
        )}
      </div>
      <Group>
        <Button loading={busy} onClick={() => void check()}>{t('config.check')}</Button>
        <CopyButton value={text}>{({ copied, copy }) => <Button variant="default" onClick={copy}>{t(copied ? 'copied' : 'copy')}</Button>}</CopyButton>
      </Group>
    </Stack>
  );
}

function Shown() {
  const { t } = useTexts();
  const config = useQuery(configQuery);
  const [view, setView] = useState('values');
  if (config.isPending) return <PageLoading />;
  if (!config.data) return <Failed error={config.error} />;
  const { file, text, values } = config.data;
  return (
    <>
      <Group justify="space-between" mb="md">
        <Text size="sm">{file ? <>{t('config.file')} <code>{file}</code></> : t('config.nofile')}</Text>
        <SegmentedControl aria-label={t('config.view')} value={view} onChange={setView} data={[{ value: 'values', label: t('config.values') }, { value: 'check', label: t('config.check') }]} />
      </Group>
      {view === 'values' ? <Values values={values} /> : <Check initial={text} />}
    </>
  );
}

export function Config() {
  return <SystemPage><Shown /></SystemPage>;
}
