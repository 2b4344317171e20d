// A new password, typed twice.

import { PasswordInput } from '@mantine/core';
import { useState } from 'react';
import { useTexts } from '../i18n';
import { passwordFault } from '../lib/password';

export function usePassword() {
  const [value, setValue] = useState('');
  const [again, setAgain] = useState('');
  const [tried, setTried] = useState(false);
  const fault = passwordFault(value, again);
  return {
    value,
    again,
    setValue,
    setAgain,
    fault: tried ? fault : undefined,
    /** Whether it can be used; from now on it is said where it can't. */
    check: () => {
      setTried(true);
      return fault === undefined;
    },
  };
}

type Props = Omit<ReturnType<typeof usePassword>, 'check'> & { label?: string };

export function NewPassword({ value, again, setValue, setAgain, fault, label }: Props) {
  const { t } = useTexts();
  const common = { autoComplete: 'new-password', required: true, visibilityToggleButtonProps: { 'aria-label': t('account.password.show') } };
  return (
    <>
      <PasswordInput label={label ?? t('account.password')} description={t('account.password.help')} value={value} onChange={(event) => setValue(event.currentTarget.value)} error={fault === 'short' && t('account.password.short')} {...common} />
      <PasswordInput label={t('account.password.again')} value={again} onChange={(event) => setAgain(event.currentTarget.value)} error={fault === 'differs' && t('account.password.differs')} {...common} />
    </>
  );
}
