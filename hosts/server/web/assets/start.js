import { elderSwitch } from './client.js';

document.getElementById('tools').append(elderSwitch());
