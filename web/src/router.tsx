// Which address shows which page. Each page is loaded when it is first opened, and what is chosen
// on a page stands in its address.

import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { compact, eventFilters, fromSearch, textIn, time, toSearch, wordsIn, CAMERA_NAME } from './lib/filters';
import { NotFound } from './shell/NotFound';
import { Shell } from './shell/Shell';
import { PageFailed, PageLoading } from './ui/States';

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });
const parent = () => root;

const live = createRoute({
  getParentRoute: parent,
  path: '/',
  component: lazyRouteComponent(() => import('./pages/Live'), 'Live'),
});

const cameras = createRoute({
  getParentRoute: parent,
  path: '/cameras',
  component: lazyRouteComponent(() => import('./pages/Cameras'), 'Cameras'),
});

const camera = createRoute({
  getParentRoute: parent,
  path: '/cameras/$name',
  component: lazyRouteComponent(() => import('./pages/CameraPage'), 'CameraPage'),
});

const counts = createRoute({
  getParentRoute: parent,
  path: '/counts',
  validateSearch: (search: Record<string, unknown>) => compact({
    camera: wordsIn(search.camera, (word) => CAMERA_NAME.test(word)),
    rule: textIn(search.rule),
    class: textIn(search.class),
    span: textIn(search.span),
    from: time(search.from),
    to: time(search.to),
    step: textIn(search.step),
    compare: textIn(search.compare),
    by: textIn(search.by),
    measure: textIn(search.measure),
  }),
  component: lazyRouteComponent(() => import('./pages/Counts'), 'Counts'),
});

const events = createRoute({
  getParentRoute: parent,
  path: '/events',
  validateSearch: eventFilters,
  component: lazyRouteComponent(() => import('./pages/Events'), 'Events'),
});

const recordings = createRoute({
  getParentRoute: parent,
  path: '/recordings',
  validateSearch: (search: Record<string, unknown>) => compact({
    camera: wordsIn(search.camera, (word) => CAMERA_NAME.test(word)),
    at: time(search.at),
  }),
  component: lazyRouteComponent(() => import('./pages/Recordings'), 'Recordings'),
});

const system = createRoute({
  getParentRoute: parent,
  path: '/system',
  component: lazyRouteComponent(() => import('./pages/System'), 'System'),
});

const systemModels = createRoute({
  getParentRoute: parent,
  path: '/system/models',
  component: lazyRouteComponent(() => import('./pages/Models'), 'Models'),
});

const systemLogs = createRoute({
  getParentRoute: parent,
  path: '/system/logs',
  validateSearch: (search: Record<string, unknown>) => compact({
    level: textIn(search.level),
    part: textIn(search.part),
    camera: textIn(search.camera),
    text: textIn(search.text),
  }),
  component: lazyRouteComponent(() => import('./pages/Logs'), 'Logs'),
});

const systemConfig = createRoute({
  getParentRoute: parent,
  path: '/system/config',
  component: lazyRouteComponent(() => import('./pages/Config'), 'Config'),
});

const systemUsers = createRoute({
  getParentRoute: parent,
  path: '/system/users',
  component: lazyRouteComponent(() => import('./pages/Users'), 'Users'),
});

const systemAudit = createRoute({
  getParentRoute: parent,
  path: '/system/audit',
  validateSearch: (search: Record<string, unknown>) => compact({ who: textIn(search.who), what: textIn(search.what) }),
  component: lazyRouteComponent(() => import('./pages/AuditLog'), 'AuditLog'),
});

const account = createRoute({
  getParentRoute: parent,
  path: '/account',
  component: lazyRouteComponent(() => import('./pages/Account'), 'Account'),
});

const send = createRoute({
  getParentRoute: parent,
  path: '/send',
  component: lazyRouteComponent(() => import('./pages/Send'), 'Send'),
});

// The link of the log, once it is used up.
const setup = createRoute({
  getParentRoute: parent,
  path: '/setup',
  beforeLoad: () => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- it is how the router is told
    throw redirect({ to: '/' });
  },
});

export const router = createRouter({
  routeTree: root.addChildren([live, cameras, camera, counts, events, recordings, system, systemModels, systemLogs, systemConfig, systemUsers, systemAudit, account, send, setup]),
  parseSearch: fromSearch,
  stringifySearch: toSearch,
  defaultPreload: 'intent',
  defaultPendingComponent: PageLoading,
  defaultErrorComponent: PageFailed,
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
