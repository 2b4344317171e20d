// Windows over the page: a question, a form.

import { Button, Group, Modal, Stack, Text, type ModalProps } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { useSession } from '../api/session';
import { useTexts } from '../i18n';
import { Failed } from './States';

export function Dialog({ title, close, children, ...props }: { title: ReactNode; close: () => void; children: ReactNode } & Partial<Omit<ModalProps, 'title'>>) {
  const { t } = useTexts();
  // Escape is meant for the log-in that lies over it: what is half written here stays.
  const { ended } = useSession();
  return (
    <Modal {...props} opened onClose={close} closeOnEscape={!ended} title={title} closeButtonProps={{ 'aria-label': t('close') }}>
      {children}
    </Modal>
  );
}

/** Does something, and keeps why it did not work. */
export function useDoing() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error>();
  /** Whether it worked. */
  const run = async (what: () => Promise<unknown>): Promise<boolean> => {
    setBusy(true);
    setError(undefined);
    try {
      await what();
      return true;
    } catch (reason) {
      setError(reason instanceof Error ? reason : new Error(String(reason)));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, run, setError };
}

/** Asked before something is gone. */
export function Confirm({ title, text, doIt, label, close }: { title: string; text: string; doIt: () => Promise<unknown>; label: string; close: () => void }) {
  const { t } = useTexts();
  const { busy, error, run } = useDoing();
  return (
    <Dialog title={title} close={close}>
      <Stack>
        <Text>{text}</Text>
        {error && <Failed error={error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={close} data-autofocus>{t('cancel')}</Button>
          <Button color="red" loading={busy} onClick={() => void run(doIt).then((worked) => worked && close())}>{label}</Button>
        </Group>
      </Stack>
    </Dialog>
  );
}
