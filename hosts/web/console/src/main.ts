import { createApp } from 'vue'

import App from './App.vue'
import { allowEmptyHtml } from './trusted'
import { router } from './router'
import './style.css'

allowEmptyHtml()
createApp(App).use(router).mount('#app')
