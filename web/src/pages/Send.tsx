// Makes a camera of this device: shows what it sees, and sends it into Omma, where it is a camera
// like any other.

import { Alert, Autocomplete, Badge, Button, Card, Group, Select, SimpleGrid, Stack, Switch, Text } from '@mantine/core';
import { useLocalStorage } from '@mantine/hooks';
import { IconPlayerStop, IconSend, IconVideo } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState } from 'react';
import { api, ask } from '../api/client';
import { cameraChanged, camerasQuery } from '../api/queries';
import { useSession } from '../api/session';
import { useTexts } from '../i18n';
import { CAMERA_NAME } from '../lib/filters';
import { formatNumber } from '../lib/format';
import { isSize, missing, SIZES, takesPictures, wish, type Size } from '../lib/sending';
import { useDoing } from '../ui/Dialog';
import { LinkButton } from '../ui/links';
import { PageHead } from '../ui/Page';
import { useReason } from '../ui/reason';
import { Failed } from '../ui/States';
import { useSender, type SenderState } from '../video/useSender';
import classes from './Send.module.css';

interface Wishes {
  device: string;
  size: Size;
  mirror: boolean;
}

/** What this device sees, as long as it is wanted. */
function useDevice() {
  const [stream, setStream] = useState<MediaStream>();
  const [devices, setDevices] = useState<MediaDeviceInfo[]>([]);
  const held = useRef<MediaStream>(undefined);
  // Which opening counts: people change their mind, or leave, while the browser asks them.
  const opening = useRef(0);
  const close = useCallback(() => {
    opening.current += 1;
    for (const track of held.current?.getTracks() ?? []) track.stop();
    held.current = undefined;
    setStream(undefined);
  }, []);
  useEffect(() => close, [close]);
  const open = useCallback(async ({ device, size }: Wishes) => {
    // Some devices can be opened only once.
    close();
    const mine = opening.current;
    const opened = await navigator.mediaDevices.getUserMedia(wish(device, size));
    if (mine !== opening.current) {
      for (const track of opened.getTracks()) track.stop();
      return;
    }
    held.current = opened;
    // Unplugged, or taken away in the browser's own settings.
    for (const track of opened.getVideoTracks()) {
      track.addEventListener('ended', () => {
        if (held.current === opened) close();
      });
    }
    setStream(opened);
    // Their names are told only once one of them may be used.
    setDevices((await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === 'videoinput'));
  }, [close]);
  return { stream, devices, open, close };
}

function Preview({ stream, mirror }: { stream: MediaStream | undefined; mirror: boolean }) {
  const { t } = useTexts();
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (video.current) video.current.srcObject = stream ?? null;
  }, [stream]);
  return (
    <div className={classes.frame}>
      <video ref={video} className={classes.video} data-mirror={mirror || undefined} data-testid="preview" autoPlay muted playsInline aria-label={t('send.preview')} />
      {!stream && <Text c="white" size="sm" className={classes.words}>{t('send.closed')}</Text>}
    </div>
  );
}

const COLORS: Record<SenderState['state'], string> = { off: '#565e66', connecting: '#1864ab', sending: '#1f7a34', lost: '#b03d08' };

function Status({ state }: { state: SenderState }) {
  const { t, language } = useTexts();
  const reason = useReason();
  const sent = state.state === 'sending' ? state.sent : undefined;
  const parts = [
    sent?.width && sent.height ? `${sent.width} × ${sent.height}` : undefined,
    sent?.fps ? `${formatNumber(sent.fps, language)} fps` : undefined,
    sent?.rate ? `${formatNumber(sent.rate / 1e6, language, 1)} Mbit/s` : undefined,
  ].filter((part) => part !== undefined);
  return (
    <div role="status" data-testid="sending" data-state={state.state}>
      <Group gap="xs">
        <Badge color={COLORS[state.state]} tt="none">{t(`send.${state.state}`)}</Badge>
        <Text size="sm" c="dimmed">{parts.join(' · ')}</Text>
      </Group>
      {state.state === 'lost' && <Text size="sm" mt={4}>{state.error ? reason(state.error) : t('video.unconnected')}</Text>}
    </div>
  );
}

/** The camera to send to; made if it is not there yet. */
function useTarget() {
  const client = useQueryClient();
  const { manage } = useSession();
  const { t } = useTexts();
  const cameras = useQuery(camerasQuery);
  const all = cameras.data ?? [];
  const fit = all.filter(({ source }) => takesPictures(source)).map(({ name }) => name);
  const fault = (name: string) => {
    if (!CAMERA_NAME.test(name)) return t('fault.name_letters');
    if (fit.includes(name)) return undefined;
    if (all.some((camera) => camera.name === name)) return t('send.taken');
    return manage ? undefined : t('send.unknown');
  };
  const ready = async (name: string) => {
    if (fit.includes(name)) return;
    await ask(api.POST('/api/v1/cameras', { body: { name, url: 'whip://' } }));
    await cameraChanged(client, name);
  };
  return { fit, fault, ready, manage };
}

function Sender() {
  const { t } = useTexts();
  const [name, setName] = useLocalStorage({ key: 'omma-send-name', defaultValue: '', getInitialValueInEffect: false });
  const [wishes, setWishes] = useState<Wishes>({ device: '', size: '1280x720', mirror: false });
  const device = useDevice();
  const target = useTarget();
  const sender = useSender();
  const { busy, error, run } = useDoing();
  const off = sender.state.state === 'off';
  const { stream } = device;
  // What is no longer seen is no longer sent.
  const { stop } = sender;
  useEffect(() => {
    if (!stream) stop();
  }, [stream, stop]);
  const change = (part: Partial<Wishes>) => {
    const next = { ...wishes, ...part };
    setWishes(next);
    if (stream && !('mirror' in part)) void run(() => device.open(next));
  };
  const fault = name === '' ? undefined : target.fault(name);
  const begin = () => run(async () => {
    if (!stream) return;
    await target.ready(name);
    sender.start(name, stream);
  });
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }}>
      <Preview stream={stream} mirror={wishes.mirror} />
      <Card>
        <Stack gap="sm">
          <Select label={t('send.device')} disabled={device.devices.length === 0 || !off || busy} allowDeselect={false} placeholder={t('send.device.none')} value={wishes.device === '' ? (device.devices[0]?.deviceId ?? null) : wishes.device} onChange={(chosen) => change({ device: chosen ?? '' })} data={device.devices.map(({ deviceId, label }, index) => ({ value: deviceId, label: label || `${t('camera')} ${index + 1}` }))} />
          <Select label={t('send.size')} disabled={!off || busy} allowDeselect={false} value={wishes.size} onChange={(size) => size && isSize(size) && change({ size })} data={Object.entries(SIZES).map(([value, [width, height]]) => ({ value, label: `${width} × ${height}` }))} />
          <Switch label={t('send.mirror')} description={t('send.mirror.help')} checked={wishes.mirror} onChange={(event) => change({ mirror: event.currentTarget.checked })} />
          <Autocomplete label={t('send.name')} description={t(target.manage ? 'send.name.help' : 'send.name.choose')} disabled={!off} value={name} onChange={setName} data={target.fit} error={fault} />
          <Status state={sender.state} />
          {error && <Failed error={error} title={error.name === 'NotAllowedError' ? t('send.forbidden') : undefined} />}
          <Group>
            {!stream && <Button leftSection={<IconVideo size={18} />} loading={busy} onClick={() => void run(() => device.open(wishes))}>{t('send.open')}</Button>}
            {stream && off && <Button leftSection={<IconSend size={18} />} loading={busy} disabled={name === '' || fault !== undefined} onClick={() => void begin()}>{t('send.start')}</Button>}
            {stream && !off && <Button color="red" leftSection={<IconPlayerStop size={18} />} onClick={stop}>{t('send.stop')}</Button>}
            {stream && off && <Button variant="default" disabled={busy} onClick={device.close}>{t('send.close')}</Button>}
            {!off && <LinkButton to="/cameras/$name" params={{ name }} target="_blank" variant="default">{t('event.camera')}</LinkButton>}
          </Group>
        </Stack>
      </Card>
    </SimpleGrid>
  );
}

export function Send() {
  const { t } = useTexts();
  const { operate } = useSession();
  const lacks = missing({
    secure: window.isSecureContext,
    userMedia: 'mediaDevices' in navigator,
    webrtc: 'RTCPeerConnection' in window,
  });
  const warning = !operate
    ? { title: t('denied.title'), text: t('denied.text', { role: t('role.operator') }) }
    : lacks && { title: t('send.missing'), text: t(`send.missing.${lacks}`) };
  return (
    <>
      <PageHead title={t('send.title')} />
      <Text mb="md" c="dimmed" maw={720}>{t('send.text')}</Text>
      {warning ? <Alert color="orange" title={warning.title} data-testid="cannot-send">{warning.text}</Alert> : <Sender />}
      <Card mt="md">
        <Text size="sm">{t('send.obs')}</Text>
        <Text size="sm" ff="monospace" mt={4} style={{ overflowWrap: 'anywhere' }}>{`${window.location.origin}/api/v1/cameras/NAME/whip`}</Text>
      </Card>
    </>
  );
}
