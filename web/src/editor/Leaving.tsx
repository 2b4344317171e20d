// Asks before a page is left whose lines and zones are drawn and not saved.

import { useBlocker } from '@tanstack/react-router';
import { useTexts } from '../i18n';
import { Confirm } from '../ui/Dialog';

export function Leaving({ dirty }: { dirty: boolean }) {
  const { t } = useTexts();
  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) => dirty && current.pathname !== next.pathname,
    enableBeforeUnload: dirty,
    withResolver: true,
  });
  if (blocker.status !== 'blocked') return null;
  const leave = () => {
    blocker.proceed();
    return Promise.resolve();
  };
  return <Confirm title={t('editor.leave')} text={t('editor.leave.text')} label={t('discard')} doIt={leave} close={blocker.reset} />;
}
