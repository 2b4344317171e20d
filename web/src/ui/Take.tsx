// Footage with its people hidden: made by the server while it is fetched, which takes a while and
// can be refused, so it is fetched by the page and not left to the browser.

import { Button, type ButtonProps } from '@mantine/core';
import { IconEyeOff } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { fetchRaw } from '../api/client';
import { useTexts } from '../i18n';
import { download } from '../lib/download';
import { failed } from './notify';

interface Props extends ButtonProps {
  /** The footage as it is. */
  address: string;
  name: string;
}

export function TakeRedacted({ address, name, ...props }: Props) {
  const { t } = useTexts();
  const take = useMutation({
    mutationFn: async () => {
      const response = await fetchRaw(`${address}${address.includes('?') ? '&' : '?'}redact=people`);
      download(name, await response.blob());
    },
    onError: (error) => failed(t('redacted.failed'), error),
  });
  return (
    <Button variant="default" leftSection={<IconEyeOff size={16} />} loading={take.isPending} onClick={() => take.mutate()} data-testid="take-redacted" {...props}>
      {t('redacted.take')}
    </Button>
  );
}
