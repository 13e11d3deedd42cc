import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'

import { me } from './api/me'
import { text } from './text'

/** A page of the menu, and the operations of which it needs one. */
interface MenuPage {
  path: string
  title: string
  needs: string[]
  load: () => Promise<object>
}

export const pages: MenuPage[] = [
  { path: '/desk', title: text.menu.desk, needs: ['interaction.claim'], load: () => import('./pages/DeskPage.vue') },
  { path: '/wall', title: text.menu.wall, needs: ['interaction.conversations'], load: () => import('./pages/WallPage.vue') },
  { path: '/figures', title: text.menu.figures, needs: ['interaction.sources'], load: () => import('./pages/FiguresPage.vue') },
  { path: '/follow-ups', title: text.menu.followUps, needs: ['interaction.follow_ups'], load: () => import('./pages/FollowUpsPage.vue') },
  { path: '/complaints', title: text.menu.complaints, needs: ['appeal.list'], load: () => import('./pages/ComplaintsPage.vue') },
  { path: '/approvals', title: text.menu.approvals, needs: ['approval.list'], load: () => import('./pages/ApprovalsPage.vue') },
  { path: '/officers', title: text.menu.officers, needs: ['access.officers'], load: () => import('./pages/OfficersPage.vue') },
  { path: '/authorities', title: text.menu.authorities, needs: ['access.officers'], load: () => import('./pages/AuthoritiesPage.vue') },
  { path: '/access', title: text.menu.access, needs: ['access.posts', 'access.propose_change', 'control.rules'], load: () => import('./pages/AccessPage.vue') },
  { path: '/lines', title: text.menu.lines, needs: ['interaction.propose_line'], load: () => import('./pages/LinesPage.vue') },
  { path: '/calendar', title: text.menu.calendar, needs: ['calendar.year'], load: () => import('./pages/CalendarPage.vue') },
  { path: '/audit', title: text.menu.audit, needs: ['audit.read'], load: () => import('./pages/AuditPage.vue') },
  { path: '/alerts', title: text.menu.alerts, needs: ['control.alerts'], load: () => import('./pages/AlertsPage.vue') },
  { path: '/disclosures', title: text.menu.disclosures, needs: ['identity.request_disclosure'], load: () => import('./pages/DisclosuresPage.vue') },
  { path: '/imports', title: text.menu.imports, needs: ['identity.examine_list'], load: () => import('./pages/ImportsPage.vue') },
  { path: '/emergency', title: text.menu.emergency, needs: ['access.take_emergency_post'], load: () => import('./pages/EmergencyPage.vue') },
]

/** What the caller's menu shows. */
export const allowed = (): MenuPage[] => pages.filter((page) => page.needs.some(me.can))

const routes: RouteRecordRaw[] = pages.map((page) => ({ path: page.path, component: page.load, meta: { needs: page.needs, title: page.title } }))

export const router = createRouter({
  history: createWebHistory('/console/'),
  routes: [
    ...routes,
    { path: '/account', component: () => import('./pages/AccountPage.vue'), meta: { title: text.menu.account } },
    { path: '/', redirect: () => allowed()[0]?.path ?? '/nowhere' },
    { path: '/:rest(.*)', component: () => import('./pages/NowherePage.vue') },
  ],
})
