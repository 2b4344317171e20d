// Why something went wrong, in words for people: of what browsers and this page itself say in English
// only, there are words in every language; the server's own come as they are.

import { ApiError } from '../api/client';
import { Conflict } from '../api/queries';
import { useTexts } from '../i18n';

export function useReason(): (error: unknown) => string {
  const { t } = useTexts();
  return (error) => {
    if (error instanceof ApiError) {
      if (error.away) return t('error.away');
      return error.hint ? `${error.message} — ${error.hint}` : error.message;
    }
    if (error instanceof Conflict) return t('conflict.text');
    return error instanceof Error ? error.message : String(error);
  };
}
