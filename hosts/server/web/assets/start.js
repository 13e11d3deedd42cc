import { $, elderSwitch } from './client.js';

$('tools').append(elderSwitch());
