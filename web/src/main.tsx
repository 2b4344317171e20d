// Where the portal begins.

import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import './main.css';
import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { LinkProvider } from './api/link';
import { camerasQuery, retry } from './api/queries';
import { Gate, sessionQuery } from './api/session';
import { TextsProvider } from './i18n';
import { router } from './router';
import { theme } from './theme';

const client = new QueryClient({ defaultOptions: { queries: { retry, staleTime: 1000 } } });
// Whoever shows it says what went wrong.
const ignored = () => undefined;
// Who is there, the page, and what most pages need first: on their way before anything is drawn.
client.query(sessionQuery).catch(ignored);
void router.load();
client.query(camerasQuery).catch(ignored);

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto">
        <TextsProvider>
          <QueryClientProvider client={client}>
            <Notifications position="bottom-right" limit={4} />
            <Gate>
              <LinkProvider>
                <RouterProvider router={router} />
              </LinkProvider>
            </Gate>
          </QueryClientProvider>
        </TextsProvider>
      </MantineProvider>
    </StrictMode>,
  );
}
