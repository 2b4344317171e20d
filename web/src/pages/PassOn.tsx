// Passes a camera's stream on to another server, as the camera sends it.

import { Button, Group, Stack, Switch, Text, TextInput } from '@mantine/core';
import { queryOptions, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, ApiError, ask } from '../api/client';
import { useSession } from '../api/session';
import { useTexts } from '../i18n';
import { formatNumber } from '../lib/format';
import { Dialog, useDoing } from '../ui/Dialog';
import { State } from '../ui/State';
import { Failed, PageLoading } from '../ui/States';

const passQuery = (name: string) => queryOptions({
  queryKey: ['pass-through', name],
  queryFn: async ({ signal }) => {
    try {
      return await ask(api.GET('/api/v1/cameras/{name}/pass-through', { params: { path: { name } }, signal }));
    } catch (error) {
      // There is no address yet.
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    }
  },
  refetchInterval: 2000,
});

export function PassOn({ name, close }: { name: string; close: () => void }) {
  const { t, language } = useTexts();
  const client = useQueryClient();
  const { manage } = useSession();
  const pass = useQuery(passQuery(name));
  const [url, setUrl] = useState('');
  const { busy, error, run } = useDoing();
  const params = { path: { name } };
  const change = (what: () => Promise<unknown>) => run(async () => {
    await what();
    setUrl('');
    await client.invalidateQueries({ queryKey: ['pass-through', name] });
  });
  const state = pass.data;
  return (
    <Dialog title={`${t('pass.title')}: ${name}`} close={close}>
      <Stack gap="sm" data-testid="pass">
        <Text size="sm" c="dimmed">{t('pass.text')}</Text>
        {pass.isPending && <PageLoading />}
        {pass.error && <Failed error={pass.error} />}
        {state && (
          <>
            <Group><Switch label={t('pass.on')} checked={state.on} disabled={busy} onChange={(event) => { const on = event.currentTarget.checked; void change(() => ask(api.POST('/api/v1/cameras/{name}/pass-through', { params, body: { on } }))); }} /><State state={state.state} /></Group>
            {state.reason && <Text size="sm">{state.reason}</Text>}
            <Text size="sm" style={{ overflowWrap: 'anywhere' }}>{t('system.target')}: {state.url}</Text>
            <Text size="sm" c="dimmed">{t('pass.packets', { packets: formatNumber(state.packets, language), dropped: formatNumber(state.dropped, language) })}</Text>
          </>
        )}
        {state === null && !manage && <Text size="sm">{t('pass.none')}</Text>}
        {manage && state !== undefined && (
          <form onSubmit={(event) => { event.preventDefault(); void change(() => ask(api.POST('/api/v1/cameras/{name}/pass-through', { params, body: { url: url.trim(), on: true } }))); }}>
            <Stack gap="sm">
              <TextInput label={t(state ? 'pass.other' : 'pass.url')} placeholder="rtmp://192.0.2.20/live/key" value={url} onChange={(event) => setUrl(event.currentTarget.value)} />
              <Group justify="flex-end">
                {state && <Button variant="default" color="red" loading={busy} onClick={() => void change(() => ask(api.DELETE('/api/v1/cameras/{name}/pass-through', { params })))}>{t('pass.forget')}</Button>}
                <Button type="submit" loading={busy} disabled={url.trim() === ''}>{t('pass.begin')}</Button>
              </Group>
            </Stack>
          </form>
        )}
        {error && <Failed error={error} />}
      </Stack>
    </Dialog>
  );
}
